using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Cli;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Images in another form: <c>wharf image squash</c> and <c>wharf image convert</c>.</summary>
public sealed class ImageFormsTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly WharfCli _cli = new(engine);
    private LocalRegistry _registry = null!;
    private string _base = "", _image = "";

    public async ValueTask InitializeAsync()
    {
        _registry = await LocalRegistry.StartAsync();
        (_base, _image) = ($"{_registry.Address}/forms:base", $"{_registry.Address}/forms:built");
        (await _cli.RunAsync(BaseTar(), "import", "-", _base)).ShouldExit(0);
        await File.WriteAllTextAsync(_cli.PathOf("Dockerfile"), $"""
            FROM {_base}
            ENV KEPT=yes
            RUN echo token > /secret && mkdir /dir && echo below > /dir/below && echo 1 > /one && ln /one /hard
            RUN rm /secret && rm -r /dir && mkdir /dir && echo above > /dir/above && chown 1:2 /one && chmod 4750 /one
            RUN rm /bin/sync && ln -s /nowhere /link && mkfifo /pipe
            CMD ["cat", "/one"]
            """);
        await OutputAsync("build", "-q", "-t", _image, _cli.Directory);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var id in (await OutputAsync("images", "-aq", "--filter", $"reference={_registry.Address}/*")).Split('\n').Distinct()) await OutputAsync("rmi", "-f", id);
        _cli.Dispose();
        await _registry.DisposeAsync();
    }

    /// <summary>busybox with a root directory of its own mode.</summary>
    private static byte[] BaseTar()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        using (var reader = new TarReader(new MemoryStream(BusyboxImage.Tar())))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "./") { Mode = (UnixFileMode)0b111_001_001 });
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                // Layers that engines write have whole seconds.
                entry.ModificationTime = DateTimeOffset.UnixEpoch.AddYears(40);
                tar.WriteEntry(entry);
            }
        }
        return stream.ToArray();
    }

    private async Task<string> OutputAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(0).Text;
    private async Task<string> ErrorAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(1).Error;
    private async Task<JsonNode> InspectAsync(string image) => JsonNode.Parse(await OutputAsync("image", "inspect", image))![0]!;
    private async Task<string[]> LayersAsync(string image) => [.. (await InspectAsync(image))["RootFS"]!["Layers"]!.AsArray().Select(layer => layer!.GetValue<string>())];

    [Fact]
    public async Task Squashing_leaves_the_same_files_in_one_layer_and_tells_what_was_done()
    {
        var name = $"{_registry.Address}/forms:flat";
        var id = await OutputAsync("image", "squash", "-t", name, _image);
        var (before, after) = (await InspectAsync(_image), await InspectAsync(name));
        after["Id"]!.GetValue<string>().ShouldBe(id);
        (await LayersAsync(name)).Length.ShouldBe(1);
        after["Config"]!.ToJsonString().ShouldBe(before["Config"]!.ToJsonString());
        (await OutputAsync("diff", _image, name)).ShouldBe("");
        foreach (var line in (string[])["stat -c '%a %u %g %n' / /one /hard /dir /pipe /link", "stat -c %h /one", "ls -la /dir", "readlink /link", "test ! -e /secret && test ! -e /bin/sync && echo gone"])
            (await OutputAsync("run", "--rm", name, "sh", "-c", line)).ShouldBe(await OutputAsync("run", "--rm", _image, "sh", "-c", line));
        (await OutputAsync("run", "--rm", name, "stat", "-c", "%a", "/")).ShouldBe("711");
        // Every step is still told, none with a layer but the last.
        var history = (await OutputAsync("history", "--no-trunc", "--format", "{{.Comment}}|{{.CreatedBy}}", name)).Split('\n');
        history[0].ShouldBe($"merge of {(await LayersAsync(_image)).Length} layers|");
        history[1..].ShouldBe((await OutputAsync("history", "--no-trunc", "--format", "{{.Comment}}|{{.CreatedBy}}", _image)).Split('\n'));
        // The file that was removed is in no layer.
        await OutputAsync("save", "-o", _cli.PathOf("flat.tar"), name);
        (await CommandResult.RunAsync("sh", ["-c", $"cd {_cli.Directory} && mkdir x && tar -C x -xf flat.tar && find x -type f -exec sh -c 'tar -tf \"$1\" 2>/dev/null' _ {{}} \\;"])).Out.ShouldNotContain("secret");
        (await OutputAsync("image", "squash", "-t", name, _image)).ShouldBe(id, "the same image gives the same");
        (await LayersAsync(_image)).Length.ShouldBe(4);
        await OutputAsync("system", "check");
    }

    [Fact]
    public async Task What_lies_below_stays_when_squashing_begins_above_an_image_or_a_layer()
    {
        var layers = await LayersAsync(_image);
        var (above, middle) = ($"{_registry.Address}/forms:above", $"{_registry.Address}/forms:middle");
        await OutputAsync("image", "squash", "--from", _base, "-t", above, _image);
        var two = await LayersAsync(above);
        two.Length.ShouldBe(2);
        two[0].ShouldBe(layers[0]);
        (await OutputAsync("diff", _image, above)).ShouldBe("");
        (await InspectAsync(above))["Parent"]!.GetValue<string>().ShouldBe((await InspectAsync(_base))["Id"]!.GetValue<string>());
        await OutputAsync("image", "squash", "--from", layers[1][7..19], "-t", middle, _image);
        (await LayersAsync(middle))[..2].ShouldBe(layers[..2]);
        (await LayersAsync(middle)).Length.ShouldBe(3);
        (await OutputAsync("diff", _image, middle)).ShouldBe("");
        (await ErrorAsync("image", "squash", "--from", layers[2], _image)).ShouldContain($"has 1 layer above {layers[2]}");
        (await ErrorAsync("image", "squash", _base)).ShouldContain("nothing to squash");
        (await ErrorAsync("image", "squash", "--from", "busybox", _image)).ShouldContain($"{_image} does not stand on busybox");
        (await ErrorAsync("image", "squash", "no-such")).ShouldContain("No such image: no-such");
    }

    [Theory]
    [InlineData("zstd", "oci", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+zstd")]
    [InlineData("gzip", "oci", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")]
    [InlineData("none", "docker", "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.image.rootfs.diff.tar")]
    public async Task A_converted_name_goes_out_in_its_form_and_its_image_under_others_as_before(string compress, string types, string manifestType, string layerType)
    {
        await OutputAsync("push", "-q", _image);
        var id = (await InspectAsync(_image))["Id"]!.GetValue<string>();
        var plain = await ManifestAsync("built");
        var name = $"{_registry.Address}/forms:{compress}";
        var digest = await OutputAsync("image", "convert", "--compress", compress, "--" + types, _image, name);
        (await InspectAsync(name))["Id"]!.GetValue<string>().ShouldBe(id);
        // What a form needs outlives collections and restarts.
        await OutputAsync("image", "prune", "-f");
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        (await OutputAsync("push", name)).ShouldContain($"{compress}: digest: {digest}");
        var pushed = await ManifestAsync(compress);
        pushed["mediaType"]!.GetValue<string>().ShouldBe(manifestType);
        pushed["layers"]!.AsArray().ShouldAllBe(layer => layer!["mediaType"]!.GetValue<string>() == layerType);
        if (compress == "none") pushed["layers"]!.AsArray().Select(layer => layer!["digest"]!.GetValue<string>()).ShouldBe(await LayersAsync(_image));
        // crane reads gzip alone; skopeo checks every blob that it copies.
        if (compress == "gzip") (await CommandResult.RunAsync(Programs.Find("crane"), ["validate", "--insecure", "--remote", name])).ShouldExit(0);
        (await CommandResult.RunAsync("skopeo", ["copy", "--src-tls-verify=false", $"docker://{name}", $"oci:{_cli.PathOf("copied")}:x"])).ShouldExit(0);

        await OutputAsync("tag", name, $"{_registry.Address}/elsewhere:x");
        (await OutputAsync("push", $"{_registry.Address}/elsewhere:x")).ShouldContain($"x: digest: {digest}");
        await OutputAsync("push", "-q", _image);
        (await ManifestAsync("built")).ToJsonString().ShouldBe(plain.ToJsonString());
        // It comes back as the same image, to Wharf and to skopeo.
        (await CommandResult.RunAsync("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", $"docker://{name}"])).ShouldExit(0).Text.ShouldBe(digest);
        await OutputAsync("tag", _image, $"{_registry.Address}/plain:x");
        var plainDigest = (await OutputAsync("push", $"{_registry.Address}/plain:x")).Split('\n')[^1].Split(' ')[2];
        foreach (var one in (string[])[_image, name, $"{_registry.Address}/elsewhere:x", $"{_registry.Address}/plain:x"]) await OutputAsync("rmi", one);
        await OutputAsync("pull", "-q", name);
        (await InspectAsync(name))["Id"]!.GetValue<string>().ShouldBe(id);
        // Its layers known in both forms, each name goes out as it came.
        foreach (var one in (string[])["elsewhere:x", "plain:x"]) await OutputAsync("pull", "-q", $"{_registry.Address}/{one}");
        (await OutputAsync("push", $"{_registry.Address}/elsewhere:x")).ShouldContain($"x: digest: {digest}");
        (await OutputAsync("push", $"{_registry.Address}/plain:x")).ShouldContain($"x: digest: {plainDigest}");
        foreach (var one in (string[])["elsewhere:x", "plain:x"]) await OutputAsync("rmi", $"{_registry.Address}/{one}");
    }

    private async Task<JsonNode> ManifestAsync(string tag)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{_registry.Address}/v2/forms/manifests/{tag}");
        foreach (var type in (string[])["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]) request.Headers.Accept.ParseAdd(type);
        using var answer = await http.SendAsync(request);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
    }

    [Fact]
    public async Task Forms_that_cannot_be_are_refused_and_what_they_took_is_freed()
    {
        (await ErrorAsync("image", "convert", "--compress", "zstd", "--docker", _image, "forms-x")).ShouldContain("docker's media types have none for zstd");
        (await ErrorAsync("image", "convert", "--compress", "brotli", _image, "forms-x")).ShouldContain("compression is gzip, zstd or none");
        (await ErrorAsync("image", "convert", "--oci", "--docker", _image, "forms-x")).ShouldContain("exclude each other");
        (await ErrorAsync("image", "convert", "no-such", "forms-x")).ShouldContain("No such image: no-such");
        long before = Bytes();
        var name = $"{_registry.Address}/forms:freed";
        await OutputAsync("image", "convert", "--compress", "zstd", _image, name);
        Bytes().ShouldBeGreaterThan(before + 100_000);
        await OutputAsync("rmi", name);
        Bytes().ShouldBe(before);

        long Bytes() => Directory.EnumerateFiles(Path.Combine(engine.DataRoot, "content", "blobs"), "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);
    }
}
