using System.Net;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary><c>wharf daemon --registry</c>: the daemon's images as a registry, and pushes as its images.</summary>
public sealed class DaemonRegistryTests
{
    [Fact]
    public async Task Images_of_the_daemon_are_served_and_pushes_become_images_without_copies()
    {
        await using var daemon = new RegistryProcess();
        var host = $"unix://{daemon.Root}/w.sock";
        await daemon.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "-H", host, "--data-root", $"{daemon.Root}/data", "--exec-root", $"{daemon.Root}/run", "--registry", daemon.Authority], "daemon ready");
        Task<CommandResult> Wharf(params string[] args) => CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", host, .. args], seconds: 120, environment: new Dictionary<string, string> { ["DOCKER_CONFIG"] = daemon.Root });
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
            // Artifacts are no images: they are kept by the registry alone.
            await api.PushImageAsync("notes/app", "v1", "note"u8.ToArray(), artifactType: "application/note");
            (await Wharf("images", "-q", "notes/app")).ShouldExit(0).Text.ShouldBe("");
            (await api.GetAsync("/v2/notes/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        finally { (await daemon.StopAsync()).ShouldBe(0, daemon.Log); }
    }

    /// <summary>How many different files hold a blob below the root.</summary>
    private static async Task<int> LinksAsync(RegistryProcess daemon, string hex)
    {
        var files = Directory.EnumerateFiles(Path.Combine(daemon.Root, "data"), hex, SearchOption.AllDirectories).Where(path => path.Contains("/blobs/", StringComparison.Ordinal)).ToList();
        files.Count.ShouldBeGreaterThan(1);
        return (await Task.WhenAll(files.Select(path => CommandResult.RunAsync("stat", ["-c", "%i", path])))).Select(result => result.Text).Distinct().Count();
    }
}
