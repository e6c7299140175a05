using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Cli;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary><c>wharf pull</c> and <c>push</c> with directories and archives in the place of a registry, as containers-transports(5) writes them; skopeo reads and writes the same.</summary>
public sealed class TransportPlaceTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly WharfCli _cli = new(engine);
    private readonly List<string> _made = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _made) await _cli.RunAsync("rmi", "-f", one);
        _cli.Dispose();
    }

    private async Task<string> OutputAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(0).Text;

    private async Task<string> ErrorAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(1).Error;

    /// <summary>An image under a name; gives its ID.</summary>
    private async Task<string> ImageAsync(string name)
    {
        _made.Add(name);
        (await _cli.RunAsync(TestTrees.Small("transport " + name, 100_000), "import", "--change", "CMD /bin/x", "-", name)).ShouldExit(0);
        return await IdAsync(name);
    }

    private Task<string> IdAsync(string name) => OutputAsync("image", "inspect", "-f", "{{.Id}}", name);

    private static async Task<string> SkopeoAsync(params string[] args) => (await CommandResult.RunAsync("skopeo", args)).ShouldExit(0).Text;

    private string Place(string form) => form.Replace("WORK", _cli.Directory, StringComparison.Ordinal);

    [Theory]
    [InlineData("oci:WORK/layout:transport-oci:v2")]
    [InlineData("oci-archive:WORK/layout.tar:transport-archive:v2")]
    [InlineData("docker-archive:WORK/docker.tar:transport-docker:v2")]
    [InlineData("dir:WORK/plain")]
    public async Task An_image_goes_into_a_place_is_read_by_skopeo_and_comes_back_as_what_it_was(string form)
    {
        var (name, place) = ("transported-" + form[..form.IndexOf(':')], Place(form));
        var id = await ImageAsync(name);
        (await OutputAsync("push", name, place)).ShouldContain($"{place.Replace(":transport-docker:v2", "")}: digest: sha256:");
        HostileServer.DigestOf(System.Text.Encoding.UTF8.GetBytes(await SkopeoAsync("inspect", "--config", "--raw", place))).ShouldBe(id);
        await OutputAsync("rmi", name);
        var told = (await OutputAsync("pull", place)).Split('\n');
        var named = form.IndexOf(":transport-", StringComparison.Ordinal) is > 0 and var at ? form[(at + 1)..] : null;
        told[^1].ShouldBe(named is null ? id : $"docker.io/library/{named}");
        (await IdAsync(named ?? id)).ShouldBe(id);
        _made.Add(named ?? id);
        // What skopeo makes of it comes too, and -q prints the name alone.
        await OutputAsync("rmi", "-f", id);
        var theirs = $"oci:{_cli.PathOf("theirs")}:transport-theirs:v3";
        await SkopeoAsync("copy", "--quiet", place, theirs);
        (await OutputAsync("pull", "-q", theirs)).ShouldBe("docker.io/library/transport-theirs:v3");
        _made.Add("transport-theirs:v3");
        (await OutputAsync("image", "inspect", "-f", "{{json .Config.Cmd}} {{len .RootFS.Layers}}", "transport-theirs:v3")).ShouldBe("""["/bin/sh","-c","/bin/x"] 1""");
    }

    [Fact]
    public async Task Without_a_name_the_place_tells_it_and_a_whole_archive_comes_with_all_its_names()
    {
        var (first, second) = (await ImageAsync("transport-first:a"), await ImageAsync("transport-second:b"));
        await OutputAsync("save", "-o", _cli.PathOf("both.tar"), "transport-first:a", "transport-second:b");
        // A tag alone is no name of an image: it has its own in the layout, where an engine wrote that.
        await OutputAsync("push", "-q", "transport-first:a", $"oci:{_cli.PathOf("tagged")}");
        await OutputAsync("rmi", "transport-first:a", "transport-second:b");
        (await OutputAsync("pull", "-q", $"docker-archive:{_cli.PathOf("both.tar")}:transport-second:b")).ShouldBe("docker.io/library/transport-second:b");
        (await IdAsync("transport-second:b")).ShouldBe(second);
        (await _cli.RunAsync("image", "inspect", "transport-first:a")).ShouldExit(1);
        (await OutputAsync("pull", "-q", $"docker-archive:{_cli.PathOf("both.tar")}")).Split('\n').ShouldBe(["docker.io/library/transport-first:a", "docker.io/library/transport-second:b"], ignoreOrder: true);
        (await IdAsync("transport-first:a")).ShouldBe(first);
        await OutputAsync("rmi", "transport-first:a");
        (await OutputAsync("pull", "-q", $"oci:{_cli.PathOf("tagged")}")).ShouldBe(first);
        _made.Add(first);
    }

    private static byte[] TreeOf(string architecture) => TestTrees.Small("transport " + architecture, 30_000);

    private static string LayerOf(string architecture) => HostileServer.DigestOf(TreeOf(architecture));

    private static async Task<string> LayerInAsync(string place) => JsonNode.Parse(await SkopeoAsync("inspect", "--config", place))!["rootfs"]!["diff_ids"]![0]!.GetValue<string>();

    [Fact]
    public async Task A_platform_is_chosen_of_an_index()
    {
        await using var registry = await LocalRegistry.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        var entries = new JsonArray();
        foreach (var architecture in (string[])["amd64", "arm64"])
        {
            var entry = await writer.ImageAsync("many", architecture, [TreeOf(architecture)]);
            entry["platform"] = new JsonObject { ["architecture"] = architecture, ["os"] = "linux" };
            entries.Add((JsonNode)entry);
        }
        await writer.ManifestAsync("many", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = entries });
        var place = $"oci:{_cli.PathOf("many")}:transport-many:v1";
        await SkopeoAsync("copy", "--quiet", "--all", "--src-tls-verify=false", $"docker://{registry.Address}/many:v1", place);
        _made.Add("transport-many:v1");
        await OutputAsync("pull", "-q", "--platform", "linux/arm64", place);
        (await OutputAsync("image", "inspect", "-f", "{{index .RootFS.Layers 0}}", "transport-many:v1")).ShouldBe(LayerOf("arm64"));
        await OutputAsync("push", "-q", "transport-many:v1", $"dir:{_cli.PathOf("arm")}");
        (await LayerInAsync($"dir:{_cli.PathOf("arm")}")).ShouldBe(LayerOf("arm64"));
        (await ErrorAsync("pull", "--platform", "linux/s390x", place)).ShouldContain("no image for linux/s390x");

        // An image of which only one platform came from the registry goes out as that one.
        await OutputAsync("pull", "-q", $"{registry.Address}/many:v1");
        _made.Add($"{registry.Address}/many:v1");
        foreach (var form in (string[])["oci:WORK/part:x", "docker-archive:WORK/part.tar"])
        {
            await OutputAsync("push", "-q", $"{registry.Address}/many:v1", Place(form));
            (await LayerInAsync(Place(form))).ShouldBe(LayerOf("amd64"));
        }
    }

    [Fact]
    public async Task What_cannot_be_is_told_with_the_path_and_leaves_nothing()
    {
        await ImageAsync("transport-wrong:v1");
        string layout = _cli.PathOf("layout"), index = Path.Combine(layout, "index.json");
        (await ErrorAsync("pull", $"oci:{layout}:x")).ShouldContain($"{index} names nothing \"x\"");
        await OutputAsync("push", "-q", "transport-wrong:v1", $"oci:{layout}:x");
        var blob = Directory.GetFiles(Path.Combine(layout, "blobs", "sha256")).MaxBy(static path => new FileInfo(path).Length)!;
        var bytes = await File.ReadAllBytesAsync(blob);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(blob, bytes);
        (await ErrorAsync("pull", $"oci:{layout}:x")).ShouldContain(Path.GetFileName(blob));
        await File.WriteAllTextAsync(index, "[]");
        (await ErrorAsync("pull", $"oci:{layout}:x")).ShouldContain($"{index} is no index");
        (await ErrorAsync("pull", $"docker-archive:{_cli.PathOf("none.tar")}")).ShouldContain($"{_cli.PathOf("none.tar")}: no such file or directory");
        (await ErrorAsync("pull", $"oci-archive:{_cli.PathOf("none.tar")}")).ShouldContain($"{_cli.PathOf("none.tar")} is not there");
        await File.WriteAllTextAsync(_cli.PathOf("text"), new string('x', 3000));
        (await ErrorAsync("pull", $"oci-archive:{_cli.PathOf("text")}")).ShouldContain(_cli.PathOf("text"));
        (await ErrorAsync("pull", $"dir:{_cli.PathOf("nowhere")}")).ShouldContain($"{_cli.PathOf("nowhere")}/manifest.json is not there");
        Directory.CreateDirectory(_cli.PathOf("odd"));
        await File.WriteAllTextAsync(_cli.PathOf("odd/manifest.json"), """{"schemaVersion":2,"config":{"digest":"sha256:x","size":1},"layers":[]}""");
        (await ErrorAsync("pull", $"dir:{_cli.PathOf("odd")}")).ShouldContain($"dir:{_cli.PathOf("odd")}: a descriptor has no valid digest");
        (await ErrorAsync("pull", "oci:")).ShouldContain("expected oci:DIRECTORY[:TAG]");
        (await ErrorAsync("pull", "docker-daemon:busybox")).ShouldContain("image scp unix:///run/docker.sock::busybox");
        (await ErrorAsync("pull", "-a", $"oci:{layout}")).ShouldContain("--all-tags/-a is for registries");
        (await ErrorAsync("pull", "--policy", "missing", $"oci:{layout}")).ShouldContain("--policy missing is for registries");
        (await ErrorAsync("push", "transport-wrong:v1", "elsewhere:v1")).ShouldContain("elsewhere:v1: expected oci:DIRECTORY[:NAME]");
        (await ErrorAsync("push", "transport-none:v1", $"dir:{_cli.PathOf("unwritten")}")).ShouldContain("reference does not exist");
        Directory.Exists(_cli.PathOf("unwritten")).ShouldBeFalse();
        Directory.GetDirectories(Path.GetTempPath(), "wharf-pull-*").ShouldBeEmpty();
        (await OutputAsync("image", "ls", "-q", "x")).ShouldBe("");
        // A name that reads as a place is the registry's when it is written with its repository.
        (await ErrorAsync("pull", "--policy", "never", "library/oci:v1")).ShouldContain("is not to be pulled");
    }
}
