using System.Formats.Tar;
using System.Net;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary><c>wharf daemon --registry</c>: the daemon's images as a registry, and pushes as its images.</summary>
public sealed class DaemonRegistryTests
{
    private static string HostOf(RegistryProcess daemon) => $"unix://{daemon.Root}/w.sock";

    private static Task ServeAsync(RegistryProcess daemon) =>
        daemon.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "-H", HostOf(daemon), "--data-root", $"{daemon.Root}/data", "--exec-root", $"{daemon.Root}/run", "--registry", daemon.Authority], "daemon ready");

    private static Task<CommandResult> WharfAsync(RegistryProcess daemon, string[] args) =>
        CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", HostOf(daemon), .. args], seconds: 120, environment: new Dictionary<string, string> { ["DOCKER_CONFIG"] = daemon.Root });

    [Fact]
    public async Task Images_of_the_daemon_are_served_and_pushes_become_images_without_copies()
    {
        await using var daemon = new RegistryProcess();
        await ServeAsync(daemon);
        Task<CommandResult> Wharf(params string[] args) => WharfAsync(daemon, args);
        using var api = new RegistryApi(daemon.Url);
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(daemon.Root, "root.tar"), BusyboxImage.Tar());
            (await Wharf("import", Path.Combine(daemon.Root, "root.tar"), "busybox:latest")).ShouldExit(0);
            (await (await api.GetAsync("/v2/_catalog")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(name => name.GetString()).ShouldBe(["busybox"]);
            (await api.TagsAsync("busybox")).ShouldBe(["latest"]);
            var manifest = await (await (await api.GetAsync("/v2/busybox/manifests/latest")).ShouldBeAsync(HttpStatusCode.OK)).JsonAsync();
            foreach (var digest in manifest.GetProperty("layers").EnumerateArray().Append(manifest.GetProperty("config")).Select(part => part.GetProperty("digest").GetString()!))
                RegistryApi.DigestOf(await (await (await api.GetAsync($"/v2/busybox/blobs/{digest}")).ShouldBeAsync(HttpStatusCode.OK)).Content.ReadAsByteArrayAsync()).ShouldBe(digest);
            var layer = manifest.GetProperty("layers")[0].GetProperty("digest").GetString()![7..];
            (await LinksAsync(daemon, layer)).ShouldBe(1, "engine and registry share one file");

            // A round trip: pushed to the daemon's own registry under another name, it is an image of the daemon.
            (await Wharf("tag", "busybox:latest", $"{daemon.Authority}/team/app:v1")).ShouldExit(0);
            (await Wharf("push", $"{daemon.Authority}/team/app:v1")).ShouldExit(0);
            (await Wharf("image", "inspect", "team/app:v1")).ShouldExit(0);
            (await Wharf("run", "--rm", "--network", "none", "team/app:v1", "/bin/busybox", "echo", "it runs")).ShouldExit(0).Text.ShouldBe("it runs");
            // What is taken here is taken from the daemon, unless a container needs it.
            (await Wharf("tag", "busybox:latest", "spare:one")).ShouldExit(0);
            await (await api.DeleteAsync("/v2/spare/manifests/one")).ShouldBeAsync(HttpStatusCode.Accepted);
            (await Wharf("image", "inspect", "spare:one")).ShouldExit(1);
            (await Wharf("rmi", "team/app:v1", $"{daemon.Authority}/team/app:v1")).ShouldExit(0);
            (await Wharf("create", "--name", "user", "--network", "none", "busybox:latest", "/bin/busybox", "true")).ShouldExit(0);
            await (await api.DeleteAsync("/v2/busybox/manifests/latest")).ShouldRefuseAsync(409, "DENIED");
            (await Wharf("rm", "user")).ShouldExit(0);
            (await Wharf("tag", "busybox:latest", "team/app:v1")).ShouldExit(0);
            (await Wharf("rmi", "busybox:latest")).ShouldExit(0);
            (await api.GetAsync("/v2/busybox/manifests/latest")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
            (await api.GetAsync("/v2/team/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
            // A name with a registry's port in it: the port goes with a dash.
            (await Wharf("tag", "team/app:v1", "registry.example.com:5000/lib/app:v2")).ShouldExit(0);
            (await api.TagsAsync("registry.example.com-5000/lib/app")).ShouldBe(["v2"]);
            (await api.GetAsync("/v2/registry.example.com-5000/lib/app/manifests/v2")).StatusCode.ShouldBe(HttpStatusCode.OK);
            await (await api.DeleteAsync("/v2/registry.example.com-5000/lib/app/manifests/v2")).ShouldBeAsync(HttpStatusCode.Accepted);
            (await Wharf("image", "inspect", "registry.example.com:5000/lib/app:v2")).ShouldExit(1);
            // Artifacts are no images: they are kept by the registry alone.
            await api.PushImageAsync("notes/app", "v1", "note"u8.ToArray(), artifactType: "application/note");
            (await Wharf("images", "-q", "notes/app")).ShouldExit(0).Text.ShouldBe("");
            (await api.GetAsync("/v2/notes/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        finally { (await daemon.StopAsync()).ShouldBe(0, daemon.Log); }
    }

    [Fact]
    public async Task An_index_is_served_as_it_came_and_what_the_daemon_removes_is_let_go()
    {
        await using var source = await RegistryProcess.WharfAsync();
        using var from = new RegistryApi(source.Url);
        var images = new List<(byte[] Manifest, string Platform)>();
        foreach (var platform in (string[])["amd64", "arm64"]) images.Add((await PushPlatformAsync(from, "multi/app", platform), platform));
        var index = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2, mediaType = RegistryApi.OciIndex,
            manifests = images.Select(image => new { mediaType = RegistryApi.OciManifest, digest = RegistryApi.DigestOf(image.Manifest), size = image.Manifest.Length, platform = new { architecture = image.Platform, os = "linux" } }).ToArray(),
        });
        await (await from.PutManifestAsync("multi/app", "v1", index, RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        await using var daemon = new RegistryProcess();
        await ServeAsync(daemon);
        Task<CommandResult> Wharf(params string[] args) => WharfAsync(daemon, args);
        using var api = new RegistryApi(daemon.Url);
        try
        {
            // One platform alone is served as its manifest, as a push sends it.
            (await Wharf("pull", "--platform", "linux/amd64", $"{source.Authority}/multi/app:v1")).ShouldExit(0);
            var name = $"/v2/127.0.0.1-{source.Port}/multi/app";
            (await (await (await api.GetAsync($"{name}/manifests/v1")).ShouldBeAsync(HttpStatusCode.OK)).Content.ReadAsByteArrayAsync()).ShouldBe(images[0].Manifest);
            // All of them: the index, byte for byte.
            (await Wharf("pull", "--platform", "linux/arm64", $"{source.Authority}/multi/app:v1")).ShouldExit(0);
            (await (await (await api.GetAsync($"{name}/manifests/v1")).ShouldBeAsync(HttpStatusCode.OK)).Content.ReadAsByteArrayAsync()).ShouldBe(index);
            foreach (var (manifest, _) in images)
            {
                var pulled = await (await (await api.GetAsync($"{name}/manifests/{RegistryApi.DigestOf(manifest)}")).ShouldBeAsync(HttpStatusCode.OK)).JsonAsync();
                foreach (var blob in pulled.GetProperty("layers").EnumerateArray().Append(pulled.GetProperty("config")).Select(part => part.GetProperty("digest").GetString()!))
                    (await api.GetAsync($"{name}/blobs/{blob}")).StatusCode.ShouldBe(HttpStatusCode.OK);
            }
            (await Wharf("rmi", $"{source.Authority}/multi/app:v1")).ShouldExit(0);
            await (await api.SendAsync("POST", "/api/collect?grace=0s")).ShouldBeAsync(HttpStatusCode.OK);
            await (await api.SendAsync("POST", "/api/collect?grace=0s")).ShouldBeAsync(HttpStatusCode.OK);
            (await api.GetAsync($"{name}/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
            Directory.EnumerateFiles(Path.Combine(daemon.Root, "data", "registry", "blobs"), "*", SearchOption.AllDirectories).ShouldBeEmpty("the daemon removed the image, and nothing else holds its bytes");
        }
        finally { (await daemon.StopAsync()).ShouldBe(0, daemon.Log); }
    }

    private static async Task<byte[]> PushPlatformAsync(RegistryApi api, string name, string architecture)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Pax, leaveOpen: true)) await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "platform") { DataStream = new MemoryStream(RegistryAnswers.Text(architecture)) });
        var layer = tar.ToArray();
        var config = JsonSerializer.SerializeToUtf8Bytes(new { architecture, os = "linux", config = new { }, rootfs = new { type = "layers", diff_ids = new[] { RegistryApi.DigestOf(layer) } } });
        foreach (var blob in (byte[][])[layer, config]) await api.PushBlobAsync(name, blob);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2, mediaType = RegistryApi.OciManifest, config = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = RegistryApi.DigestOf(config), size = config.Length },
            layers = new[] { new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = RegistryApi.DigestOf(layer), size = layer.Length } },
        });
        await (await api.PutManifestAsync(name, RegistryApi.DigestOf(manifest), manifest)).ShouldBeAsync(HttpStatusCode.Created);
        return manifest;
    }

    /// <summary>How many different files hold a blob below the root.</summary>
    private static async Task<int> LinksAsync(RegistryProcess daemon, string hex)
    {
        var files = Directory.EnumerateFiles(Path.Combine(daemon.Root, "data"), hex, SearchOption.AllDirectories).Where(path => path.Contains("/blobs/", StringComparison.Ordinal)).ToList();
        files.Count.ShouldBeGreaterThan(1);
        return (await Task.WhenAll(files.Select(path => CommandResult.RunAsync("stat", ["-c", "%i", path])))).Select(result => result.Text).Distinct().Count();
    }
}
