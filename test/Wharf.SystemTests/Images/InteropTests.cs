using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Debian's skopeo and umoci, and crane, oras and real dockerd where the machine has them, exchange images with Wharf: same digests both ways.</summary>
public sealed class InteropTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly string _work = Directory.CreateTempSubdirectory("wharf-interop-").FullName;
    private readonly EngineApi _api = new(engine.SocketPath);
    private LocalRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await LocalRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _registry.DisposeAsync();
        Directory.Delete(_work, recursive: true);
    }

    private static Task<CommandResult> RunAsync(string program, params string[] args) => CommandResult.RunAsync(program, args, seconds: 120);

    private async Task<string> PushAsync(string name, string content)
    {
        var full = $"{_registry.Address}/{name}";
        var imported = await _api.PostTarAsync($"/images/create?fromSrc=-&repo={full}&tag=v1", TestTrees.Small(content, 100_000));
        imported.Status.ShouldBe(200, imported.Text);
        var pushed = await _api.PostAsync($"/images/{full}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        return imported.Lines[^1]["status"]!.GetValue<string>();
    }

    private async Task<string> PullAsync(string name)
    {
        var pulled = await _api.PostAsync($"/images/create?fromImage={_registry.Address}/{name}&tag=v1");
        pulled.Status.ShouldBe(200, pulled.Text);
        pulled.StreamError.ShouldBeNull(pulled.Text);
        return (await _api.GetAsync($"/images/{_registry.Address}/{name}:v1/json")).Json["Id"]!.GetValue<string>();
    }

    private async Task<string> DigestAsync(string name) => (await _api.GetAsync($"/images/{_registry.Address}/{name}:v1/json")).Json["RepoDigests"]![0]!.GetValue<string>().Split('@')[1];

    private Task RemoveAsync(string name) => _api.DeleteAsync($"/images/{_registry.Address}/{name}:v1?force=1");

    [Fact]
    public async Task Skopeo_copies_what_wharf_pushed_and_wharf_pulls_what_skopeo_copied()
    {
        var id = await PushAsync("skopeo/from", "skopeo");
        var digest = await DigestAsync("skopeo/from");
        var inspect = JsonNode.Parse((await RunAsync("skopeo", "inspect", "--tls-verify=false", $"docker://{_registry.Address}/skopeo/from:v1")).ShouldExit(0).Out)!;
        inspect["Digest"]!.GetValue<string>().ShouldBe(digest);
        (await RunAsync("skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{_registry.Address}/skopeo/from:v1", $"docker://{_registry.Address}/skopeo/to:v1")).ShouldExit(0);
        await RemoveAsync("skopeo/from");
        (await PullAsync("skopeo/to")).ShouldBe(id);
        (await DigestAsync("skopeo/to")).ShouldBe(digest);
        // Pushed again, it still is the same manifest.
        (await _api.PostAsync($"/images/{_registry.Address}/skopeo/to/push?tag=v1", auth: "{}")).Lines[^1]["aux"]!["Digest"]!.GetValue<string>().ShouldBe(digest);
        await RemoveAsync("skopeo/to");
    }

    [Theory]
    [InlineData("docker-archive")]
    [InlineData("oci-archive")]
    public async Task Skopeo_reads_what_wharf_saved_and_wharf_loads_what_skopeo_wrote(string format)
    {
        var name = $"images-interop/{format}:v1";
        var imported = await _api.PostTarAsync($"/images/create?fromSrc=-&repo={name.Split(':')[0]}&tag=v1", TestTrees.Small(format));
        var id = imported.Lines[^1]["status"]!.GetValue<string>();
        var saved = Path.Combine(_work, "saved.tar");
        await File.WriteAllBytesAsync(saved, (await _api.GetAsync($"/images/{name}/get")).Body);
        // Between two formats skopeo writes another configuration: each stays in its own.
        var back = Path.Combine(_work, "back.tar");
        (await RunAsync("skopeo", "copy", $"{format}:{saved}", format == "oci-archive" ? $"oci-archive:{back}:docker.io/{name}" : $"docker-archive:{back}:{name}")).ShouldExit(0);
        await _api.DeleteAsync($"/images/{name}");
        var loaded = await _api.PostTarAsync("/images/load?quiet=1", await File.ReadAllBytesAsync(back));
        loaded.StreamError.ShouldBeNull(loaded.Text);
        loaded.Text.ShouldContain($"Loaded image: {name}");
        (await _api.GetAsync($"/images/{name}/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        await _api.DeleteAsync($"/images/{name}");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task A_loaded_layout_goes_out_under_the_digest_it_came_with(string compression)
    {
        Assert.SkipUnless(engine.IsWharf, "dockerd's classic store compresses anew what it loaded");
        var name = $"images-interop/layout-{compression}:v1";
        await PushAsync("layout/" + compression, "layout " + compression);
        (await RunAsync("skopeo", "copy", "--src-tls-verify=false", $"docker://{_registry.Address}/layout/{compression}:v1", $"dir:{_work}/layout")).ShouldExit(0);
        (await RunAsync("skopeo", "copy", "--dest-compress", "--dest-compress-format", compression, $"dir:{_work}/layout", $"oci:{_work}/oci:docker.io/{name}")).ShouldExit(0);
        // Nothing of what Wharf itself compressed is known any more.
        await RemoveAsync("layout/" + compression);
        (await RunAsync("tar", "-C", $"{_work}/oci", "-cf", $"{_work}/layout.tar", "index.json", "oci-layout", "blobs")).ShouldExit(0);
        var loaded = await _api.PostTarAsync("/images/load", await File.ReadAllBytesAsync($"{_work}/layout.tar"));
        loaded.StreamError.ShouldBeNull(loaded.Text);
        var target = $"{_registry.Address}/layout/again-{compression}";
        await _api.PostAsync($"/images/{name}/tag?repo={target}&tag=v1");
        var pushed = await _api.PostAsync($"/images/{target}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        var digest = JsonNode.Parse(await File.ReadAllTextAsync($"{_work}/oci/index.json"))!["manifests"]![0]!["digest"]!.GetValue<string>();
        var inspect = JsonNode.Parse((await RunAsync("skopeo", "inspect", "--tls-verify=false", $"docker://{target}:v1")).ShouldExit(0).Out)!;
        inspect["Digest"]!.GetValue<string>().ShouldBe(digest);
        foreach (var tag in (string[])[name, $"{target}:v1"]) await _api.DeleteAsync($"/images/{tag}?force=1");
    }

    [Fact]
    public async Task Umoci_changes_an_image_of_wharf_and_wharf_pulls_the_change()
    {
        await PushAsync("umoci/app", "umoci");
        (await RunAsync("skopeo", "copy", "--src-tls-verify=false", $"docker://{_registry.Address}/umoci/app:v1", $"oci:{_work}/umoci:v1")).ShouldExit(0);
        (await RunAsync("umoci", "unpack", "--image", $"{_work}/umoci:v1", $"{_work}/bundle")).ShouldExit(0);
        (await File.ReadAllTextAsync($"{_work}/bundle/rootfs/etc/name")).ShouldBe("umoci");
        await File.WriteAllTextAsync($"{_work}/bundle/rootfs/etc/added", "by umoci");
        File.Delete($"{_work}/bundle/rootfs/data");
        (await RunAsync("umoci", "repack", "--image", $"{_work}/umoci:v2", $"{_work}/bundle")).ShouldExit(0);
        (await RunAsync("skopeo", "copy", "--dest-tls-verify=false", $"oci:{_work}/umoci:v2", $"docker://{_registry.Address}/umoci/changed:v1")).ShouldExit(0);
        await PullAsync("umoci/changed");
        var diff = (await engine.WharfAsync("diff", $"{_registry.Address}/umoci/app:v1", $"{_registry.Address}/umoci/changed:v1")).ShouldExit(0).Text;
        diff.ShouldContain("A /etc/added  8B");
        diff.ShouldContain("D /data  100kB -> 0B");
        foreach (var name in (string[])["umoci/app", "umoci/changed"]) await RemoveAsync(name);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Layers_come_in_every_compression(string compression)
    {
        await PushAsync("compressed/from", compression);
        (await RunAsync("skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-compress-format", compression, "--format", "oci", "--dest-force-compress-format",
            $"docker://{_registry.Address}/compressed/from:v1", $"docker://{_registry.Address}/compressed/{compression}:v1") is { ExitCode: 0 } forced ? forced
            : await RunAsync("sh", "-c", $"skopeo copy --src-tls-verify=false docker://{_registry.Address}/compressed/from:v1 dir:{_work}/dir && skopeo copy --dest-tls-verify=false --dest-compress --dest-compress-format {compression} --format oci dir:{_work}/dir docker://{_registry.Address}/compressed/{compression}:v1")).ShouldExit(0);
        await RemoveAsync("compressed/from");
        await PullAsync("compressed/" + compression);
        await RemoveAsync("compressed/" + compression);
    }

    [Fact]
    public async Task Crane_and_oras_read_what_wharf_pushed()
    {
        var (crane, oras) = (Programs.Find("crane"), Programs.Find("oras"));
        var id = await PushAsync("crane/app", "crane");
        var digest = await DigestAsync("crane/app");
        (await RunAsync(crane, "digest", "--insecure", $"{_registry.Address}/crane/app:v1")).ShouldExit(0).Text.ShouldBe(digest);
        (await RunAsync(crane, "validate", "--insecure", "--remote", $"{_registry.Address}/crane/app:v1")).ShouldExit(0);
        (await RunAsync(crane, "mutate", "--insecure", "--label", "by=crane", "-t", $"{_registry.Address}/crane/labelled:v1", $"{_registry.Address}/crane/app:v1")).ShouldExit(0);
        (await PullAsync("crane/labelled")).ShouldNotBe(id);
        (await _api.GetAsync($"/images/{_registry.Address}/crane/labelled:v1/json")).Json["Config"]!["Labels"]!["by"]!.GetValue<string>().ShouldBe("crane");
        (await RunAsync(oras, "manifest", "fetch", "--plain-http", "--descriptor", $"{_registry.Address}/crane/app:v1")).ShouldExit(0).Out.ShouldContain(digest);
        foreach (var name in (string[])["crane/app", "crane/labelled"]) await RemoveAsync(name);
    }

    [Fact]
    public async Task Crane_and_oras_push_what_wharf_saved_and_wharf_loads_what_they_wrote()
    {
        var (crane, oras) = (Programs.Find("crane"), Programs.Find("oras"));
        var id = await PushAsync("peers/app", "crane and oras");
        var digest = await DigestAsync("peers/app");
        var saved = await _api.DownloadAsync($"/images/{_registry.Address}/peers/app:v1/get", Path.Combine(_work, "saved.tar"));
        // What they fetch is loaded again.
        (await RunAsync(crane, "pull", "--insecure", $"{_registry.Address}/peers/app:v1", $"{_work}/crane.tar")).ShouldExit(0);
        (await RunAsync(oras, "cp", "--from-plain-http", "--to-oci-layout", $"{_registry.Address}/peers/app:v1", $"{_work}/oras:v1")).ShouldExit(0);
        (await RunAsync("tar", "-C", $"{_work}/oras", "-cf", $"{_work}/oras.tar", ".")).ShouldExit(0);
        foreach (var archive in (string[])["crane.tar", "oras.tar"])
        {
            await RemoveAsync("peers/app");
            (await _api.GetAsync($"/images/{id}/json")).Status.ShouldBe(404);
            var loaded = await _api.PostTarAsync("/images/load?quiet=1", await File.ReadAllBytesAsync(Path.Combine(_work, archive)));
            loaded.StreamError.ShouldBeNull(loaded.Text);
            (await _api.GetAsync($"/images/{id}/json")).Status.ShouldBe(200, loaded.Text);
            if (archive == "oras.tar") await _api.DeleteAsync($"/images/{id}?force=1");
        }
        // And what they push of Wharf's archive, docker's form by crane and the OCI layout by oras, is the same image.
        (await RunAsync(crane, "push", "--insecure", saved, $"{_registry.Address}/peers/crane:v1")).ShouldExit(0);
        (await PullAsync("peers/crane")).ShouldBe(id);
        await RemoveAsync("peers/crane");
        var layout = await TestTrees.UnpackAsync(saved, Path.Combine(_work, "layout"));
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(layout, "index.json")))!["manifests"]![0]!["digest"]!.GetValue<string>();
        (await RunAsync(oras, "cp", "--from-oci-layout", "--to-plain-http", $"{layout}@{manifest}", $"{_registry.Address}/peers/oras:v1")).ShouldExit(0);
        (await PullAsync("peers/oras")).ShouldBe(id);
        (await DigestAsync("peers/oras")).ShouldBe(manifest);
        await RemoveAsync("peers/oras");
        // Under its own digest again, by oras from registry to registry.
        await using var other = await LocalRegistry.StartAsync();
        (await RunAsync(oras, "cp", "--from-plain-http", "--to-plain-http", $"{_registry.Address}/peers/app:v1", $"{other.Address}/peers/app:v1")).ShouldExit(0);
        (await RunAsync(crane, "digest", "--insecure", $"{other.Address}/peers/app:v1")).ShouldExit(0).Text.ShouldBe(digest);
    }

    [Fact]
    public async Task Dockerd_and_wharf_give_each_other_images()
    {
        if (!engine.IsWharf) Assert.Skip("the engine under test is the real dockerd");
        using var docker = await PeerDocker.ConnectOrSkipAsync();
        var id = await PushAsync("docker/app", "dockerd " + Guid.NewGuid());
        var digest = await DigestAsync("docker/app");
        var name = $"{_registry.Address}/docker/app";
        try
        {
            var pulled = await docker.PostAsync($"/images/create?fromImage={name}&tag=v1");
            pulled.StreamError.ShouldBeNull(pulled.Text);
            var theirs = (await docker.GetAsync($"/images/{name}:v1/json")).Json;
            theirs["Id"]!.GetValue<string>().ShouldBe(id);
            theirs["RepoDigests"]![0]!.GetValue<string>().ShouldBe($"{name}@{digest}");
            // By archive, both ways.
            var saved = (await docker.GetAsync($"/images/{name}:v1/get")).Body;
            await RemoveAsync("docker/app");
            (await _api.PostTarAsync("/images/load?quiet=1", saved)).Text.ShouldContain($"Loaded image: {name}:v1");
            (await _api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
            var ours = (await _api.GetAsync($"/images/{name}:v1/get")).Body;
            await docker.DeleteAsync($"/images/{name}:v1?force=1");
            (await docker.PostTarAsync("/images/load?quiet=1", ours)).Text.ShouldContain($"Loaded image: {name}:v1");
            (await docker.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
            // What dockerd pushes.
            (await docker.PostAsync($"/images/{name}:v1/tag?repo={_registry.Address}/docker/theirs&tag=v1")).Status.ShouldBe(201);
            (await docker.PostAsync($"/images/{_registry.Address}/docker/theirs/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
            (await PullAsync("docker/theirs")).ShouldBe(id);
        }
        finally
        {
            foreach (var one in (string[])["docker/app", "docker/theirs"])
            {
                await docker.DeleteAsync($"/images/{_registry.Address}/{one}:v1?force=1");
                await RemoveAsync(one);
            }
        }
    }

    [Fact]
    public async Task An_index_gives_each_platform_its_own_image_and_attestations_none()
    {
        async Task<(string Digest, int Size, string Platform)> OneAsync(string platform)
        {
            var name = $"{_registry.Address}/multi/{platform.Replace('/', '-')}";
            (await _api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1&platform={platform}", TestTrees.Small(platform))).Status.ShouldBe(200);
            var aux = (await _api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}")).Lines[^1]["aux"]!;
            await _api.DeleteAsync($"/images/{name}:v1");
            (await RunAsync("skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{name}:v1", $"docker://{_registry.Address}/multi/app:{platform.Replace('/', '-')}")).ShouldExit(0);
            return (aux["Digest"]!.GetValue<string>(), aux["Size"]!.GetValue<int>(), platform);
        }
        var parts = new List<(string Digest, int Size, string Platform)>();
        foreach (var platform in (string[])["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6"]) parts.Add(await OneAsync(platform));
        static string Entry((string Digest, int Size, string Platform) part)
        {
            var words = part.Platform.Split('/');
            return $$$"""{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"{{{part.Digest}}}","size":{{{part.Size}}},"platform":{"os":"{{{words[0]}}}","architecture":"{{{words[1]}}}"{{{(words.Length > 2 ? $",\"variant\":\"{words[2]}\"" : "")}}}}}""";
        }
        var attestation = Entry(parts[0]).Replace("\"os\":\"linux\",\"architecture\":\"amd64\"", "\"os\":\"unknown\",\"architecture\":\"unknown\"").Replace("\"platform\"", $"\"annotations\":{{\"vnd.docker.reference.type\":\"attestation-manifest\",\"vnd.docker.reference.digest\":\"{parts[1].Digest}\"}},\"platform\"");
        var index = $$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{attestation}},{{string.Join(',', parts.Select(Entry))}}]}""";
        using var http = new HttpClient();
        using var content = new StringContent(index);
        content.Headers.ContentType = new("application/vnd.oci.image.index.v1+json");
        (await http.PutAsync($"http://{_registry.Address}/v2/multi/app/manifests/v1", content)).IsSuccessStatusCode.ShouldBeTrue();
        foreach (var (platform, expected) in (( string, string)[])[("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/arm64"), ("linux/arm/v7", "linux/arm/v7"), ("linux/arm/v6", "linux/arm/v6"), ("linux/arm/v8", "linux/arm/v7")])
        {
            var pulled = await _api.PostAsync($"/images/create?fromImage={_registry.Address}/multi/app&tag=v1&platform={platform}");
            pulled.StreamError.ShouldBeNull(pulled.Text);
            var image = (await _api.GetAsync($"/images/{_registry.Address}/multi/app:v1/json")).Json;
            string.Join('/', new[] { image["Os"], image["Architecture"], image["Variant"] }.Where(part => part is not null).Select(part => part!.GetValue<string>())).ShouldBe(expected);
            image["RepoDigests"]!.ToJsonString().ShouldContain(HostileServer.DigestOf(System.Text.Encoding.UTF8.GetBytes(index)));
        }
        var none = await _api.PostAsync($"/images/create?fromImage={_registry.Address}/multi/app&tag=v1&platform=linux/s390x");
        none.Status.ShouldBe(200);
        none.StreamError.ShouldBe("no matching manifest for linux/s390x in the manifest list entries");
        (await _api.GetAsync($"/distribution/{_registry.Address}/multi/app:v1/json")).Json["Platforms"]!.AsArray().Count.ShouldBe(5);
        await RemoveAsync("multi/app");
        await _api.PostAsync("/images/prune");
    }
}
