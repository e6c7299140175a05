using System.Diagnostics;
using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.MainJob;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The real <c>docker buildx</c> and <c>docker compose build</c> against the engine.</summary>
public sealed class BuildxTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-buildx-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_context, name))!);
        File.WriteAllText(Path.Combine(_context, name), text);
    }

    private Task<CommandResult> BuildAsync(params string[] args) => Buildx.RunAsync(engine, ["build", .. args, _context]);

    [Fact]
    public async Task A_second_build_is_cached_and_gives_the_same_image()
    {
        Write("Dockerfile", "FROM busybox\nCOPY a /a\nRUN cat /a > /b\n");
        Write("a", "one\n");
        var first = (await BuildAsync("-t", "bx-cache", "--iidfile", Path.Combine(_context, ".iid"))).ShouldExit(0);
        var id = await File.ReadAllTextAsync(Path.Combine(_context, ".iid"), TestContext.Current.CancellationToken);
        var second = (await BuildAsync("-t", "bx-cache", "--iidfile", Path.Combine(_context, ".iid"))).ShouldExit(0);
        second.Error.ShouldContain("CACHED");
        (await File.ReadAllTextAsync(Path.Combine(_context, ".iid"), TestContext.Current.CancellationToken)).ShouldBe(id);
        first.Error.ShouldContain("RUN cat /a > /b");
        Write("a", "two\n");
        (await BuildAsync("-t", "bx-cache")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "bx-cache", "cat", "/b")).ShouldExit(0).Text.ShouldBe("two");
    }

    /// <summary>Clients name what they send by its directory's last name, and what has the same size and time need not travel again: not so Dockerfiles.</summary>
    [Fact]
    public async Task A_Dockerfile_is_never_taken_for_another_directorys_of_the_same_name()
    {
        foreach (var which in new[] { "one", "two", "one" })
        {
            Write($"{which}/app/Dockerfile", $"FROM busybox\nRUN echo {which} > /which\n");
            File.SetLastWriteTimeUtc(Path.Combine(_context, which, "app/Dockerfile"), DateTime.UnixEpoch.AddDays(1));
            (await Buildx.RunAsync(engine, ["build", "-t", "bx-which", Path.Combine(_context, which, "app")])).ShouldExit(0);
            (await engine.DockerAsync("run", "--rm", "bx-which", "cat", "/which")).ShouldExit(0).Text.ShouldBe(which);
        }
    }

    [Fact]
    public async Task What_was_built_without_the_cache_is_what_the_cache_gives_next()
    {
        Write("Dockerfile", "FROM busybox\nRUN date +%s%N > /when\n");
        var file = Path.Combine(_context, ".iid");
        async Task<string> BuiltAsync(params string[] more)
        {
            (await BuildAsync([.. more, "--iidfile", file])).ShouldExit(0);
            return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        }
        var first = await BuiltAsync();
        var anew = await BuiltAsync("--no-cache");
        anew.ShouldNotBe(first);
        (await BuiltAsync()).ShouldBe(anew);
    }

    [Fact]
    public async Task A_failing_step_shows_its_output_and_its_place_in_the_Dockerfile()
    {
        Write("Dockerfile", "FROM busybox\nRUN echo before\nRUN echo out of luck && exit 7\n");
        var result = await BuildAsync("--no-cache");
        result.ExitCode.ShouldBe(1);
        result.Error.ShouldContain("out of luck");
        result.Error.ShouldContain("Dockerfile:3");
        result.Error.ShouldContain(">>> RUN echo out of luck && exit 7");
        result.Error.ShouldContain("process \"/bin/sh -c echo out of luck && exit 7\" did not complete successfully: exit code: 7");
    }

    [Fact]
    public async Task A_secret_is_seen_by_its_step_and_nowhere_else()
    {
        var secret = "s3cr3t-" + Guid.NewGuid().ToString("n");
        Write("token", secret);
        Write("Dockerfile", "FROM busybox\nRUN --mount=type=secret,id=tok,env=TOK --mount=type=secret,id=tok test \"$(cat /run/secrets/tok)\" = \"$TOK\" && echo fine > /ok\n");
        var ignored = Path.Combine(_context, ".dockerignore");
        await File.WriteAllTextAsync(ignored, "token\n", TestContext.Current.CancellationToken);
        (await BuildAsync("-t", "bx-secret", "--secret", $"id=tok,src={Path.Combine(_context, "token")}", "--metadata-file", Path.Combine(_context, ".meta"))).ShouldExit(0).Error.ShouldNotContain(secret);
        (await engine.DockerAsync("history", "--no-trunc", "bx-secret")).ShouldExit(0).Out.ShouldNotContain(secret);
        // Before the next command names it.
        if (engine.IsWharf) (await FindInFilesAsync(engine.DataRoot, secret)).ShouldBeEmpty();
        engine.Log.ShouldNotContain(secret);
        (await engine.DockerAsync("run", "--rm", "bx-secret", "sh", "-c", $"cat /ok; ls /run/secrets 2>&1 || true; grep -r {secret} / --exclude-dir=proc --exclude-dir=sys 2>/dev/null || echo clean")).ShouldExit(0).Out.ShouldContain("clean");
    }

    /// <summary>Files that hold a text.</summary>
    private static async Task<string> FindInFilesAsync(string root, string text) => (await CommandResult.RunAsync("grep", ["-rlF", "--devices=skip", text, root])).Out;

    [Fact]
    public async Task Results_go_to_a_directory_a_tar_and_an_OCI_archive()
    {
        Write("Dockerfile", "FROM scratch\nCOPY f /dir/f\n");
        Write("f", "content\n");
        (await BuildAsync("-o", Path.Combine(_context, "out"))).ShouldExit(0);
        (await File.ReadAllTextAsync(Path.Combine(_context, "out/dir/f"), TestContext.Current.CancellationToken)).ShouldBe("content\n");
        var tar = Path.Combine(_context, "out.tar");
        (await BuildAsync("-o", $"type=tar,dest={tar}")).ShouldExit(0);
        TarNames(tar).ShouldContain("dir/f");
        if (!engine.IsWharf) return; // docker without containerd's image store has no exporter of OCI archives
        var oci = Path.Combine(_context, "oci.tar");
        (await BuildAsync("-o", $"type=oci,dest={oci}")).ShouldExit(0);
        TarNames(oci).ShouldContain("index.json");
        (await engine.DockerAsync("load", "-i", oci)).ShouldExit(0);
    }

    private static List<string> TarNames(string path)
    {
        using var file = File.OpenRead(path);
        using var tar = new TarReader(file);
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name.TrimEnd('/'));
        return names;
    }

    [Fact]
    public async Task Push_sends_an_index_with_provenance_to_a_registry()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store pushes without attestations");
        Buildx.Require("docker-buildx");
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, ".registry"));
        Write("Dockerfile", "FROM busybox\nARG SECRETISH\nRUN echo pushed > /p\n");
        Write(".dockerignore", ".registry\n");
        var name = $"127.0.0.1:{registry.Port}/bx/push:1";
        (await BuildAsync("--push", "-t", name, "--build-arg", "SECRETISH=do-not-tell")).ShouldExit(0);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.oci.image.index.v1+json");
        var index = JsonNode.Parse(await http.GetStringAsync($"http://127.0.0.1:{registry.Port}/v2/bx/push/manifests/1", TestContext.Current.CancellationToken))!;
        var attestation = index["manifests"]!.AsArray().Single(entry => entry!["annotations"]?["vnd.docker.reference.type"]?.GetValue<string>() == "attestation-manifest")!;
        var manifest = JsonNode.Parse(await ManifestAsync(http, registry.Port, attestation["digest"]!.GetValue<string>()))!;
        var statement = await http.GetStringAsync($"http://127.0.0.1:{registry.Port}/v2/bx/push/blobs/{manifest["layers"]![0]!["digest"]}", TestContext.Current.CancellationToken);
        statement.ShouldContain("https://slsa.dev/provenance/v0.2");
        statement.ShouldNotContain("do-not-tell");
        (await engine.DockerAsync("rmi", "-f", name)).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", name, "cat", "/p")).ShouldExit(0).Text.ShouldBe("pushed");
    }

    private static async Task<string> ManifestAsync(HttpClient http, int port, string digest)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/v2/bx/push/manifests/{digest}");
        request.Headers.Accept.ParseAdd("application/vnd.oci.image.manifest.v1+json");
        return await (await http.SendAsync(request)).Content.ReadAsStringAsync();
    }

    [Fact]
    public async Task A_cancelled_build_leaves_no_process_and_no_container()
    {
        Buildx.Require("docker-buildx");
        Write("Dockerfile", "FROM busybox\nRUN echo began && sleep 987\n");
        var before = (await engine.DockerAsync("ps", "-aq")).ShouldExit(0).Text.Split('\n');
        var start = new ProcessStartInfo("docker", ["build", "--no-cache", "--progress=plain", _context]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DOCKER_HOST"] = engine.Host;
        start.Environment["DOCKER_CONFIG"] = Buildx.Config(engine);
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line && !(line.Contains(" began", StringComparison.Ordinal) && !line.Contains("RUN", StringComparison.Ordinal))) { }
        (await CommandResult.RunAsync("kill", ["-INT", process.Id.ToString()])).ShouldExit(0);
        await process.WaitForExitAsync(patience.Token);
        process.ExitCode.ShouldNotBe(0);
        while (Directory.EnumerateFiles("/proc", "cmdline", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }).Any(Sleeps)) await Task.Delay(50, patience.Token);
        (await engine.DockerAsync("ps", "-aq")).ShouldExit(0).Text.Split('\n').ShouldBeSubsetOf(before.Append(""));
    }

    private static bool Sleeps(string path)
    {
        try { return File.ReadAllText(path) == "sleep\0987\0"; }
        catch (IOException) { return false; /* ended meanwhile */ }
    }

    [Fact]
    public async Task Contexts_come_by_standard_input_by_name_and_without_what_is_ignored()
    {
        Write("Dockerfile", "FROM base\nCOPY . /all\nCOPY --from=more m /m\n");
        Write(".dockerignore", "*.log\n!keep.log\n");
        Write("x.log", "x");
        Write("keep.log", "k");
        Directory.CreateDirectory(Path.Combine(_context, "more"));
        Write("more/m", "mm\n");
        (await BuildAsync("-t", "bx-names", "--build-context", "base=docker-image://busybox", "--build-context", $"more={Path.Combine(_context, "more")}")).ShouldExit(0);
        var listed = (await engine.DockerAsync("run", "--rm", "bx-names", "ls", "/all", "/m")).ShouldExit(0).Out;
        listed.ShouldContain("keep.log");
        listed.ShouldNotContain("x.log");
        (await Buildx.RunAsync(engine, ["build", "-t", "bx-stdin", "-"], "FROM busybox\nRUN echo stdin > /s\n"u8.ToArray())).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "bx-stdin", "cat", "/s")).ShouldExit(0).Text.ShouldBe("stdin");
    }

    [Fact]
    public async Task Checks_and_questions_build_nothing()
    {
        Write("Dockerfile", "FROM busybox AS one\nARG WHO=me\nCMD echo $WHO\n");
        var check = await BuildAsync("--check");
        check.ExitCode.ShouldBe(1);
        check.Out.ShouldContain("JSONArgsRecommended");
        (await BuildAsync("--call=targets")).ShouldExit(0).Out.ShouldContain("one");
        (await BuildAsync("--call=outline")).ShouldExit(0).Out.ShouldContain("WHO");
    }

    [Fact]
    public async Task History_and_cache_are_listed_and_removed()
    {
        Write("Dockerfile", $"FROM busybox\nRUN echo {Guid.NewGuid()}\n");
        (await BuildAsync()).ShouldExit(0);
        var listed = (await Buildx.RunAsync(engine, ["buildx", "history", "ls", "--format", "{{.Ref}}"])).ShouldExit(0).Text.Split('\n');
        listed.ShouldNotBeEmpty();
        var reference = listed[0].Split('/')[^1];
        (await Buildx.RunAsync(engine, ["buildx", "history", "logs", reference])).ShouldExit(0).Error.ShouldContain("RUN echo");
        (await Buildx.RunAsync(engine, ["buildx", "history", "rm", reference])).ShouldExit(0);
        (await Buildx.RunAsync(engine, ["buildx", "history", "ls", "--format", "{{.Ref}}"])).ShouldExit(0).Text.ShouldNotContain(reference);
        (await Buildx.RunAsync(engine, ["buildx", "du"])).ShouldExit(0).Out.ShouldContain("Total:");
        (await Buildx.RunAsync(engine, ["buildx", "ls"])).ShouldExit(0).Out.ShouldContain("running");
    }

    [Fact]
    public async Task A_cache_that_travelled_in_an_image_is_used_where_there_is_no_other()
    {
        if (!engine.IsWharf) Assert.Skip("the cache in the image is Wharf's own");
        Buildx.Require("docker-buildx");
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, ".registry"));
        Write("Dockerfile", "FROM busybox\nCOPY f /f\nRUN head -c 16 /dev/urandom | od -An -tx1 > /random\nRUN echo last\n");
        Write(".dockerignore", ".registry\n");
        Write("f", Guid.NewGuid().ToString());
        var name = $"127.0.0.1:{registry.Port}/bx/inline:1";
        (await BuildAsync("--push", "-t", name, "--cache-to", "type=inline")).ShouldExit(0);
        var random = (await engine.DockerAsync("run", "--rm", name, "cat", "/random")).ShouldExit(0).Text;
        (await engine.DockerAsync("rmi", name)).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        (await BuildAsync("-t", "bx-inline", "--cache-from", name)).ShouldExit(0).Error.ShouldContain("CACHED");
        (await engine.DockerAsync("run", "--rm", "bx-inline", "cat", "/random")).ShouldExit(0).Text.ShouldBe(random);
        (await engine.DockerAsync("image", "inspect", name)).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Compose_builds_several_services()
    {
        Write("one/Dockerfile", "FROM busybox\nARG WHO\nRUN --mount=type=secret,id=tok test -s /run/secrets/tok && echo $WHO > /w\n");
        Write("tok", "t");
        Write("compose.yaml", "services:\n  a:\n    image: bx-comp-a\n    build:\n      context: one\n      args: {WHO: world}\n      secrets: [tok]\n  b:\n    image: bx-comp-b\n    build:\n      context: one\n      dockerfile_inline: |\n        FROM busybox\n        RUN echo inline > /i\nsecrets:\n  tok: {file: ./tok}\n");
        (await Buildx.RunAsync(engine, ["compose", "-f", Path.Combine(_context, "compose.yaml"), "build"])).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "bx-comp-a", "cat", "/w")).ShouldExit(0).Text.ShouldBe("world");
        (await engine.DockerAsync("run", "--rm", "bx-comp-b", "cat", "/i")).ShouldExit(0).Text.ShouldBe("inline");
    }
}
