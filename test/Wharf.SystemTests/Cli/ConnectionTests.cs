using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>podman's <c>system connection</c> and <c>farm</c>: words for docker's contexts, and several engines that build one image.</summary>
public sealed class ConnectionTests(EngineFixture engine)
{
    [Fact]
    public async Task Connections_are_dockers_contexts()
    {
        using var cli = new WharfCli(engine);
        cli.Environment["DOCKER_HOST"] = "";
        async Task<string> Said(params string[] args) => (await cli.RunAsync(["system", "connection", .. args])).ShouldExit(0).Text;
        await Said("add", "near", engine.Host);
        await Said("add", "--default", "far", "me@host.test:2222");
        await Said("add", "-p", "2022", "other", "host.test");
        (await Said("ls", "--format", "{{.Name}} {{.URI}} {{.Default}}")).ShouldBe($"far ssh://me@host.test:2222 true\nnear {engine.Host} false\nother ssh://host.test:2022 false");
        (await Said("list")).Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["NAME", "URI", "IDENTITY", "DEFAULT", "READWRITE"]);
        await Said("default", "near");
        (await Said("mv", "near", "here")).ShouldBe("");
        (await cli.RunAsync("version", "-f", "{{.Server.Os}}")).ShouldExit(0).Text.ShouldBe("linux");
        // Docker's client reads and changes the same ones.
        var environment = new Dictionary<string, string> { ["DOCKER_CONFIG"] = cli.Directory, ["DOCKER_HOST"] = "" };
        (await CommandResult.RunAsync("docker", ["context", "ls", "--format", "{{.Name}}{{if .Current}} *{{end}}"], null, 60, environment)).ShouldExit(0).Text.ShouldBe("default\nfar\nhere *\nother");
        (await CommandResult.RunAsync("docker", ["context", "rm", "far"], null, 60, environment)).ShouldExit(0);
        (await Said("ls", "-q")).ShouldBe("here\nother");

        (await cli.RunAsync("system", "connection", "rename", "here", "other")).ShouldExit(1).Error.ShouldContain("context \"other\" already exists");
        foreach (var verb in (string[][])[["default", "none"], ["rename", "none", "x2"]])
            (await cli.RunAsync(["system", "connection", .. verb])).ShouldExit(1).Error.ShouldContain("\"none\" destination is not defined. See \"wharf system connection add ...\" to create a connection");
        (await cli.RunAsync("system", "connection", "add", "wrong", "unix://relative")).ShouldExit(1).Error.ShouldContain("a unix socket's path is absolute");
        (await cli.RunAsync("system", "connection", "add", "--identity", "key", "wrong", "host")).ShouldExit(1).Error.ShouldContain("ssh_config(5)");
        (await cli.RunAsync("system", "connection", "add", "--socket-path", "/run/x.sock", "wrong", "host")).ShouldExit(1).Error.ShouldContain("DOCKER_HOST");
        await Said("rm", "none");
        await Said("rm", "here");
        (await cli.RunAsync("context", "show")).ShouldExit(0).Text.ShouldBe("default");
        await Said("rm", "--all");
        (await Said("ls", "-q")).ShouldBe("");
    }

    [Fact]
    public async Task A_farm_is_a_name_for_contexts()
    {
        using var cli = new WharfCli(engine);
        async Task<string> Farm(params string[] args) => (await cli.RunAsync(["farm", .. args])).ShouldExit(0).Text;
        async Task<string> Wrong(params string[] args) => (await cli.RunAsync(["farm", .. args])).ShouldExit(1).Error;
        foreach (var name in (string[])["one", "two"]) (await cli.RunAsync("system", "connection", "add", name, engine.Host)).ShouldExit(0);
        (await Farm("create", "first", "one")).ShouldBe("Farm \"first\" created");
        await Farm("create", "second");
        (await Wrong("create", "first")).ShouldContain("farm with name \"first\" already exists");
        (await Wrong("create", "third", "none")).ShouldContain("cannot create farm, \"none\" is not a context");
        (await Farm("update", "--add", "one,two", "--default", "second")).ShouldBe("Farm \"second\" updated");
        await Farm("update", "--remove", "one", "second");
        (await Wrong("update", "--remove", "one", "second")).ShouldContain("cannot remove from farm, \"one\" is not a connection in the farm");
        (await Wrong("update", "--add", "none", "second")).ShouldContain("cannot add to farm, \"none\" is not a context");
        (await Wrong("update", "second")).ShouldContain("nothing to update for farm \"second\"");
        (await cli.RunAsync("system", "connection", "rename", "two", "deux")).ShouldExit(0);
        // Docker writes its configuration anew and drops what it does not know.
        (await CommandResult.RunAsync("docker", ["context", "use", "one"], null, 60, new Dictionary<string, string> { ["DOCKER_CONFIG"] = cli.Directory })).ShouldExit(0);
        (await Farm("ls", "--format", "{{.Name}} {{.Connections}} {{.Default}}")).ShouldBe("first [one] false\nsecond [deux] true");
        (await Wrong("rm", "first", "none")).ShouldContain("no such farm: none");
        (await Farm("ls", "--format", "{{.Name}}")).ShouldBe("second");
        (await Farm("rm", "-a")).ShouldBe("All farms have been deleted");
        (await Farm("ls", "--format", "{{.Name}}")).ShouldBe("");
    }

    [Fact]
    public async Task The_engines_of_a_farm_build_their_parts_of_one_list()
    {
        await using var other = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock"]);
        await other.ImportBusyboxAsync();
        await using var registry = await LocalRegistry.StartAsync();
        using var cli = new WharfCli(engine);
        var name = $"{registry.Address}/farmed";
        Directory.CreateDirectory(cli.PathOf("context"));
        await File.WriteAllTextAsync(cli.PathOf("context/Dockerfile"), "FROM scratch\nARG TARGETPLATFORM WORD\nLABEL built=$TARGETPLATFORM word=$WORD\nCOPY Dockerfile /\n", TestContext.Current.CancellationToken);
        (await cli.RunAsync("system", "connection", "add", "far", $"unix://{other.Socket}")).ShouldExit(0);
        (await cli.RunAsync("farm", "create", "both", "far")).ShouldExit(0);
        (await cli.RunAsync("farm", "build", cli.PathOf("context"))).ShouldExit(1).Error.ShouldContain("value for --tag is required");
        (await cli.RunAsync("farm", "build", "--farm", "none", "-t", name, cli.PathOf("context"))).ShouldExit(1).Error.ShouldContain("farm \"none\" not found");

        // Two engines of one platform: the first one builds, as with podman.
        var native = (await cli.RunAsync("version", "-f", "{{.Server.Os}}/{{.Server.Arch}}")).ShouldExit(0).Text;
        var built = await cli.RunAsync("farm", "build", "-t", $"{name}:v1", "--build-arg", "WORD=w1", cli.PathOf("context"));
        built.ShouldExit(0).Out.ShouldStartWith($"{name}:v1@sha256:");
        built.Error.ShouldContain("far | #");
        built.Error.ShouldNotContain("default | #");
        (await PlatformsAsync("v1")).ShouldBe([native]);
        (await cli.RunAsync("-H", $"unix://{other.Socket}", "image", "inspect", "-f", "{{.Config.Labels.built}} {{.Config.Labels.word}}", $"{name}:v1-{native.Replace('/', '-')}")).ShouldExit(0).Text.ShouldBe($"{native} w1");
        (await cli.RunAsync("pull", "-q", $"{name}:v1")).ShouldExit(0);
        (await cli.RunAsync("image", "inspect", "-f", "{{.Config.Labels.word}}", $"{name}:v1")).ShouldExit(0).Text.ShouldBe("w1");

        // Platforms that are asked for; nothing runs in them, so that they need no emulation.
        (await cli.RunAsync("farm", "build", "--cleanup", "--platforms", "linux/riscv64,linux/s390x", "-t", $"{name}:v2", cli.PathOf("context"))).ShouldExit(0);
        (await PlatformsAsync("v2")).ShouldBe(["linux/riscv64", "linux/s390x"]);
        (await cli.RunAsync("-H", $"unix://{other.Socket}", "images", "-q", "--filter", $"reference={name}:v2*")).ShouldExit(0).Text.ShouldBe("");

        await File.WriteAllTextAsync(cli.PathOf("context/Dockerfile"), "FROM scratch\nCOPY nothing /\n", TestContext.Current.CancellationToken);
        (await cli.RunAsync("farm", "build", "-t", $"{name}:v3", cli.PathOf("context"))).ShouldExit(1).Error.ShouldContain("nothing");
        (await cli.RunAsync("rmi", $"{name}:v1")).ShouldExit(0);

        Task<List<string>> PlatformsAsync(string tag) => ConnectionTests.PlatformsAsync(cli, $"{name}:{tag}");
    }

    /// <summary>The platforms of a list in the registry.</summary>
    private static async Task<List<string>> PlatformsAsync(WharfCli cli, string name) =>
        [.. JsonNode.Parse((await cli.RunAsync("manifest", "inspect", name)).ShouldExit(0).Out)!["manifests"]!.AsArray().Select(entry => $"{entry!["platform"]!["os"]}/{entry["platform"]!["architecture"]}").Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Dockerd_is_a_part_of_a_farm_like_any_other()
    {
        using var peer = await PeerDocker.ConnectOrSkipAsync();
        await using var registry = await LocalRegistry.StartAsync();
        using var cli = new WharfCli(engine);
        var name = $"{registry.Address}/farmed-by-both";
        Directory.CreateDirectory(cli.PathOf("context"));
        await File.WriteAllTextAsync(cli.PathOf("context/Dockerfile"), "FROM scratch\nARG TARGETPLATFORM WORD\nLABEL built=$TARGETPLATFORM word=$WORD\nCOPY Dockerfile /\n", TestContext.Current.CancellationToken);
        (await cli.RunAsync("system", "connection", "add", "docker", $"unix://{PeerDocker.Socket}")).ShouldExit(0);

        // Dockerd alone, its own platform and another.
        (await cli.RunAsync("farm", "create", "far", "docker")).ShouldExit(0);
        foreach (var platform in (string[])["linux/amd64", "linux/s390x"])
        {
            var tag = platform[6..];
            var built = await cli.RunAsync("farm", "build", "--farm", "far", "--local=false", "--cleanup", "--platforms", platform, "-t", $"{name}:{tag}", "--build-arg", "WORD=w1", cli.PathOf("context"));
            built.ShouldExit(0).Error.ShouldContain("docker | #");
            (await PlatformsAsync(cli, $"{name}:{tag}")).ShouldBe([platform]);
        }
        (await peer.GetAsync($"/images/{Uri.EscapeDataString($"{name}:amd64-linux-amd64")}/json")).Status.ShouldBe(404, "it is cleaned up");

        // Both engines together.
        (await cli.RunAsync("farm", "build", "--farm", "far", "--cleanup", "--platforms", "linux/amd64,linux/s390x", "-t", $"{name}:both", "--build-arg", "WORD=w2", cli.PathOf("context"))).ShouldExit(0);
        (await PlatformsAsync(cli, $"{name}:both")).ShouldBe(["linux/amd64", "linux/s390x"]);
        (await cli.RunAsync("pull", "-q", $"{name}:both")).ShouldExit(0);
        (await cli.RunAsync("image", "inspect", "-f", "{{.Config.Labels.word}}", $"{name}:both")).ShouldExit(0).Text.ShouldBe("w2");
        (await cli.RunAsync("rmi", $"{name}:both")).ShouldExit(0);
    }
}
