using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Cli;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Artifacts;

/// <summary><c>--mount type=artifact</c>, in podman's words.</summary>
public sealed class ArtifactMountTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly WharfCli _cli = new(engine);

    public async ValueTask InitializeAsync()
    {
        await OutputAsync("artifact", "add", "mounted-one", Write("one.txt", "one\n"));
        await OutputAsync("artifact", "add", "mounted-two", Write("a.txt", "a\n"), Write("b.txt", "b\n"));
    }

    public async ValueTask DisposeAsync()
    {
        await OutputAsync("artifact", "rm", "--all");
        _cli.Dispose();
    }

    private async Task<string> OutputAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(0).Text;

    private Task<CommandResult> RunAsync(string mount, string script) => _cli.RunAsync("run", "--rm", "--network", "none", "--mount", "type=artifact," + mount, "busybox", "sh", "-c", script);

    private string Write(string name, string content)
    {
        File.WriteAllText(_cli.PathOf(name), content);
        return _cli.PathOf(name);
    }

    [Theory]
    [InlineData("src=mounted-one,dst=/file", "cat /file", "one")]
    [InlineData("src=mounted-one,dst=/etc/passwd", "cat /etc/passwd", "one")]
    [InlineData("src=mounted-one,dst=/tmp", "cat /tmp/one.txt", "one")]
    [InlineData("src=mounted-one,dst=/tmp,name=other", "ls /tmp", "other")]
    [InlineData("src=mounted-two,dst=/made/here", "cat /made/here/a.txt /made/here/b.txt", "a\nb")]
    [InlineData("src=mounted-two,dst=/made,name=n", "cat /made/n-0 /made/n-1", "a\nb")]
    [InlineData("src=mounted-two,dst=/file,title=b.txt", "cat /file", "b")]
    [InlineData("src=mounted-two,dst=/file,digest=87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7", "cat /file", "a")]
    public async Task Files_are_where_they_are_asked_for(string mount, string script, string output) => (await RunAsync(mount, script)).ShouldExit(0).Text.ShouldBe(output);

    [Theory]
    [InlineData("src=none,dst=/x", "No such artifact: none")]
    [InlineData("src=mounted-two,dst=/etc/passwd", "artifact mounted-two has 2 files, and /etc/passwd is a file in the container")]
    [InlineData("src=mounted-two,dst=/x,title=c.txt", "artifact mounted-two has no such file")]
    [InlineData("src=mounted-two,dst=/x,title=a.txt,digest=00", "Digest and Title exclude each other")]
    [InlineData("src=mounted-one,dst=/tmp,name=../x", "is no name for a file")]
    [InlineData("dst=/x", "field Source must not be empty")]
    public async Task What_cannot_be_mounted_is_refused_by_name(string mount, string message) => (await RunAsync(mount, "true")).ShouldExit(125).Error.ShouldContain(message);

    [Fact]
    public async Task Options_of_artifacts_stay_unknown_to_other_mounts() =>
        (await _cli.RunAsync("run", "--rm", "--mount", "type=volume,dst=/x,name=y", "busybox")).ShouldExit(125).Error.ShouldContain("unexpected key 'name' in 'name=y'");

    [Fact]
    public async Task Nobody_in_the_container_writes_and_everybody_reads()
    {
        (await RunAsync("src=mounted-one,dst=/file", "echo x > /file")).ShouldExit(1).Error.ShouldContain("Read-only file system");
        (await _cli.RunAsync("run", "--rm", "--network", "none", "-u", "1234:1234", "--mount", "type=artifact,src=mounted-one,dst=/file", "busybox", "cat", "/file")).ShouldExit(0).Text.ShouldBe("one");
        await OutputAsync("artifact", "extract", "mounted-one", _cli.PathOf("still"));
        File.ReadAllText(_cli.PathOf("still")).ShouldBe("one\n");
    }

    [Fact]
    public async Task A_link_in_the_image_does_not_lead_out_of_the_container()
    {
        (await _cli.RunAsync(Encoding.UTF8.GetBytes($"FROM busybox\nRUN ln -s {_cli.Directory} /out\n"), "build", "-q", "-t", "artifact-link", "-")).ShouldExit(0);
        (await _cli.RunAsync("run", "--rm", "--network", "none", "--mount", "type=artifact,src=mounted-one,dst=/out/escaped", "artifact-link", "cat", "/out/escaped")).ShouldExit(0).Text.ShouldBe("one");
        File.Exists(_cli.PathOf("escaped")).ShouldBeFalse();
        await OutputAsync("rmi", "artifact-link");
    }

    [Fact]
    public async Task A_hostile_title_is_refused_unless_another_name_is_given()
    {
        await using var registry = await LocalRegistry.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        var blob = await writer.BlobAsync("bad", "bad"u8.ToArray(), "application/octet-stream");
        blob["annotations"] = new JsonObject { ["org.opencontainers.image.title"] = "../../etc/passwd" };
        await writer.ManifestAsync("bad", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json", ["artifactType"] = "application/x.bad", ["config"] = await writer.BlobAsync("bad", "{}"u8.ToArray(), "application/vnd.oci.empty.v1+json"), ["layers"] = new JsonArray(blob) });
        await OutputAsync("artifact", "pull", "-q", $"{registry.Address}/bad:v1");
        (await RunAsync($"src={registry.Address}/bad:v1,dst=/tmp", "true")).ShouldExit(125).Error.ShouldContain("is no name for a file");
        (await RunAsync($"src={registry.Address}/bad:v1,dst=/tmp,name=good", "cat /tmp/good")).ShouldExit(0).Text.ShouldBe("bad");
    }

    [Fact]
    public async Task A_mounted_artifact_stays_until_its_container_goes_and_whatever_its_name_means_by_then()
    {
        var id = await OutputAsync("create", "--network", "none", "--mount", "type=artifact,src=mounted-two,dst=/in", "busybox", "cat", "/in/a.txt");
        (await _cli.RunAsync("artifact", "rm", "mounted-two")).ShouldExit(1).Error.ShouldContain($"artifact mounted-two:latest is mounted by container {id[..12]}: remove that first");
        // The name moves on; the container keeps what it was made with, over collections and a restart.
        await OutputAsync("artifact", "add", "--replace", "mounted-two", Write("a.txt", "changed\n"));
        (await _cli.RunAsync(TestTrees.Small("collect mounted", 1000), "import", "-", "artifact-gc:y")).ShouldExit(0);
        await OutputAsync("rmi", "artifact-gc:y");
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        (await OutputAsync("start", "-a", id)).ShouldBe("a");
        (await OutputAsync("start", "-a", id)).ShouldBe("a");
        var point = JsonNode.Parse(await OutputAsync("inspect", id))![0]!["Mounts"]![0]!;
        (point["Type"]!.GetValue<string>(), point["Name"]!.GetValue<string>(), point["RW"]!.GetValue<bool>()).ShouldBe(("artifact", "mounted-two", false));
        await OutputAsync("rm", id);
        await OutputAsync("artifact", "rm", "mounted-two");
        (await OutputAsync("system", "check")).ShouldContain("all is well");
    }
}
