using System.Formats.Tar;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Our own CLI's builds, by the BuildKit protocol: against Wharf, and where WHARF_TEST_HOST says so against docker's own builder.</summary>
public sealed class WharfBuildTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-build-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_context, name))!);
        File.WriteAllText(Path.Combine(_context, name), text);
    }

    private Task<CommandResult> BuildAsync(params string[] args) => engine.WharfAsync(["build", .. args, _context]);

    [Fact]
    public async Task A_shell_opens_in_the_file_system_of_the_step_that_failed()
    {
        if (!engine.IsWharf) Assert.Skip("an option of Wharf's own daemon");
        Write("Dockerfile", "FROM busybox\nCOPY below /below\nRUN echo half > /done; exit 7\n");
        Write("below", "layer\n");
        int before = await CountAsync();
        var build = await engine.WharfAsync("cat /done /below; exit\n"u8.ToArray(), "build", "--on-error=shell", _context);
        build.ShouldExit(1).Out.ShouldEndWith("half\nlayer\n");
        build.Error.ShouldContain("did not complete successfully: exit code: 7");
        (await CountAsync()).ShouldBe(before);
        (await BuildAsync("--on-error=nonsense")).ShouldExit(125).Error.ShouldContain("only \"shell\" can be opened");
    }

    /// <summary>Containers and images.</summary>
    private async Task<int> CountAsync() => (await engine.DockerAsync("ps", "-aq")).Out.Count(letter => letter == '\n') + (await engine.DockerAsync("images", "-aq")).Out.Count(letter => letter == '\n');

    [Fact]
    public async Task Plain_progress_shows_steps_output_and_what_was_cached()
    {
        Write("Dockerfile", "FROM busybox\nCOPY a /a\nRUN cat /a && echo to stderr >&2\n");
        Write("a", Guid.NewGuid() + "\n");
        var first = (await BuildAsync("--progress=plain", "-t", "wb-plain", "--iidfile", Path.Combine(_context, ".iid"))).ShouldExit(0);
        first.Error.ShouldContain("[internal] load build definition from Dockerfile");
        first.Error.ShouldContain("RUN cat /a && echo to stderr");
        first.Error.ShouldContain(File.ReadAllText(Path.Combine(_context, "a")).Trim());
        first.Error.ShouldContain("to stderr");
        first.Error.ShouldContain("DONE");
        File.ReadAllText(Path.Combine(_context, ".iid")).ShouldStartWith("sha256:");
        Write(".dockerignore", ".iid\n");
        (await BuildAsync("--progress=plain")).ShouldExit(0).Error.ShouldContain("CACHED");
        (await BuildAsync("-q", "-t", "wb-plain")).ShouldExit(0).Text.ShouldBe(File.ReadAllText(Path.Combine(_context, ".iid")));
    }

    [Fact]
    public async Task A_failing_step_shows_its_output_and_its_place_in_the_Dockerfile()
    {
        Write("Dockerfile", "FROM busybox\nRUN echo before\nRUN echo out of luck && exit 7\n");
        var result = await BuildAsync("--no-cache", "--progress=plain");
        result.ExitCode.ShouldBe(1);
        result.Error.ShouldContain("out of luck");
        result.Error.ShouldContain("Dockerfile:3");
        result.Error.ShouldContain(">>> RUN echo out of luck && exit 7");
        result.Error.ShouldContain("ERROR: failed to build: failed to solve: process \"/bin/sh -c echo out of luck && exit 7\" did not complete successfully: exit code: 7");
        Write("Dockerfile", "FROM busybox\nNONSENSE\n");
        (await BuildAsync()).ShouldExit(1).Error.ShouldContain("unknown instruction: NONSENSE");
    }

    [Fact]
    public async Task Json_progress_is_one_object_a_line()
    {
        Write("Dockerfile", "FROM busybox\nRUN echo json\n");
        var result = (await BuildAsync("--no-cache", "--progress=rawjson")).ShouldExit(0);
        var names = new List<string>();
        foreach (var line in result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var news = JsonDocument.Parse(line);
            if (news.RootElement.TryGetProperty("vertexes", out var vertexes)) names.AddRange(vertexes.EnumerateArray().Select(vertex => vertex.GetProperty("name").GetString()!));
        }
        names.ShouldContain(name => name.EndsWith("RUN echo json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Secrets_reach_their_step_from_files_and_variables()
    {
        var secret = "s3cr3t-" + Guid.NewGuid().ToString("n");
        Write("token", secret);
        Write(".dockerignore", "token\n");
        Write("Dockerfile", $"FROM busybox\nRUN --mount=type=secret,id=tok test \"$(cat /run/secrets/tok)\" = {secret[..8]}$(echo {secret[8..]}) && echo fine > /ok\n");
        (await BuildAsync("-t", "wb-secret", "--secret", $"id=tok,src={Path.Combine(_context, "token")}")).ShouldExit(0).Error.ShouldNotContain(secret);
        (await engine.DockerAsync("run", "--rm", "wb-secret", "cat", "/ok")).ShouldExit(0).Text.ShouldBe("fine");
        (await BuildAsync("--secret", "id=tok,src=/nowhere/at/all")).ShouldExit(1).Error.ShouldContain("/nowhere/at/all");
    }

    [Fact]
    public async Task Results_go_to_a_directory_a_tar_and_standard_output()
    {
        Write("Dockerfile", "FROM scratch\nCOPY f /dir/f\nCOPY l /l\n");
        Write("f", "content\n");
        File.SetUnixFileMode(Path.Combine(_context, "f"), (UnixFileMode)0b111_101_000);
        File.CreateSymbolicLink(Path.Combine(_context, "l"), "f");
        (await BuildAsync("-o", Path.Combine(_context, ".out"))).ShouldExit(0);
        File.ReadAllText(Path.Combine(_context, ".out/dir/f")).ShouldBe("content\n");
        File.GetUnixFileMode(Path.Combine(_context, ".out/dir/f")).ShouldBe((UnixFileMode)0b111_101_000);
        foreach (var stale in new[] { ".out/stale", ".out/dir/stale", ".out/gone/stale" }) Write(stale, "stale");
        (await BuildAsync("-o", $"type=local,dest={Path.Combine(_context, ".out")}")).ShouldExit(0);
        File.Exists(Path.Combine(_context, ".out/gone/stale")).ShouldBeTrue();
        (await BuildAsync("-o", $"type=local,dest={Path.Combine(_context, ".out")},mode=delete")).ShouldExit(0);
        Directory.EnumerateFileSystemEntries(Path.Combine(_context, ".out"), "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(_context, path)).ShouldBe([".out/dir", ".out/dir/f", ".out/l"], ignoreOrder: true);
        (await BuildAsync("-o", $"type=local,dest={_context},mode=mirror")).ShouldExit(125).Error.ShouldContain("invalid mode mirror");
        (await BuildAsync("-o", "type=local,dest=/,mode=delete")).ShouldExit(125).Error.ShouldContain("dest is /");
        (await BuildAsync("-o", $"type=tar,dest={Path.Combine(_context, ".tar")}")).ShouldExit(0);
        using var tar = new TarReader(File.OpenRead(Path.Combine(_context, ".tar")));
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name.TrimEnd('/'));
        names.ShouldContain("dir/f");
        (await BuildAsync("-o", "-")).ShouldExit(0).Out.ShouldContain("dir/f");
        (await BuildAsync("-o", "type=local")).ShouldExit(125).Error.ShouldContain("dest is required");
        if (!engine.IsWharf) return; // docker without containerd's image store has no exporter of OCI layouts
        (await BuildAsync("-o", $"type=oci,tar=false,dest={Path.Combine(_context, ".layout")}")).ShouldExit(0);
        File.Exists(Path.Combine(_context, ".layout/oci-layout")).ShouldBeTrue();
        Write("other/Dockerfile", "FROM base\nCOPY --from=base /dir/f /again\n");
        (await engine.WharfAsync("build", "-t", "wb-layout", "--build-context", $"base=oci-layout://{Path.Combine(_context, ".layout")}", Path.Combine(_context, "other"))).ShouldExit(0);
    }

    [Fact]
    public async Task Contexts_come_by_standard_input_by_name_and_with_another_Dockerfile()
    {
        Write("more/m", "mm\n");
        Write("Dockerfile", "FROM busybox\nRUN exit 1\n");
        Write("other/My.Dockerfile", "FROM busybox\nCOPY --from=more m /m\nCOPY . /all\n");
        Write("other/My.Dockerfile.dockerignore", "*.log\n");
        Write("x.log", "x");
        (await engine.WharfAsync("build", "-t", "wb-names", "-f", Path.Combine(_context, "other/My.Dockerfile"), "--build-context", $"more={Path.Combine(_context, "more")}", _context)).ShouldExit(0);
        var listed = (await engine.DockerAsync("run", "--rm", "wb-names", "ls", "/all", "/m")).ShouldExit(0).Out;
        listed.ShouldContain("Dockerfile");
        listed.ShouldNotContain("x.log");
        (await engine.WharfAsync("FROM busybox\nRUN echo stdin > /s\n"u8.ToArray(), "build", "-t", "wb-stdin", "-")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "wb-stdin", "cat", "/s")).ShouldExit(0).Text.ShouldBe("stdin");
        (await engine.WharfAsync("FROM busybox\nCOPY x.log /x\n"u8.ToArray(), "build", "-t", "wb-stdin", "-f", "-", _context)).ShouldExit(0);
        using var archive = new MemoryStream();
        using (var tar = new TarWriter(archive, leaveOpen: true))
            foreach (var (name, text) in new[] { ("Dockerfile", "FROM busybox\nCOPY t /t\n"), ("t", "from a tar\n") })
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)) });
        (await engine.WharfAsync(archive.ToArray(), "build", "-t", "wb-stdin", "-")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "wb-stdin", "cat", "/t")).ShouldExit(0).Text.ShouldBe("from a tar");
    }

    [Fact]
    public async Task Why_tells_which_input_of_a_step_changed()
    {
        if (!engine.IsWharf) Assert.Skip("an ability of Wharf's own");
        Write("Dockerfile", "FROM busybox\nARG V=1\nCOPY src /src\nRUN echo $V > /v\nRUN echo last\n");
        Write("src/a.txt", "a");
        Write("src/b.txt", "b");
        (await BuildAsync()).ShouldExit(0);
        (await engine.WharfAsync("build", "why", "COPY")).ShouldExit(0).Out.ShouldContain("no earlier build");
        (await BuildAsync()).ShouldExit(0);
        (await engine.WharfAsync("build", "why")).ShouldExit(0).Out.ShouldNotContain("done again");
        Write("src/b.txt", "bb");
        (await BuildAsync()).ShouldExit(0);
        var copy = (await engine.WharfAsync("build", "why", "COPY")).ShouldExit(0).Out;
        copy.ShouldContain("file src/b.txt changed");
        copy.ShouldNotContain("a.txt");
        (await engine.WharfAsync("build", "why", "echo last")).ShouldExit(0).Out.ShouldContain("the step it stands on gave another result");
        (await BuildAsync("--build-arg", "V=2")).ShouldExit(0);
        (await engine.WharfAsync("build", "why", "echo $V")).ShouldExit(0).Out.ShouldContain("variable V changed");
        (await BuildAsync("--no-cache")).ShouldExit(0);
        (await engine.WharfAsync("build", "why", "COPY")).ShouldExit(0).Out.ShouldContain("told not to use the cache");
        (await engine.WharfAsync("build", "why", "nonsense")).ShouldExit(1).Error.ShouldContain("no step");
    }

    [Fact]
    public async Task Squash_leaves_one_layer_and_none_of_what_was_removed()
    {
        if (!engine.IsWharf) Assert.Skip("docker's BuildKit squashes nothing");
        Write("Dockerfile", "FROM busybox\nRUN echo gone > /gone && mkdir /d && echo 1 > /d/1\nRUN rm /gone && echo 2 > /d/1 && rm /bin/false\n");
        (await BuildAsync("--squash", "-t", "wb-squash")).ShouldExit(0);
        var layers = JsonDocument.Parse((await engine.DockerAsync("image", "inspect", "wb-squash", "busybox", "--format", "{{len .RootFS.Layers}}")).ShouldExit(0).Out.Replace('\n', ' ').Insert(0, "[").TrimEnd().Replace(' ', ',') + "]").RootElement;
        layers[0].GetInt32().ShouldBe(layers[1].GetInt32() + 1);
        (await engine.DockerAsync("run", "--rm", "wb-squash", "sh", "-c", "cat /d/1; ls /gone /bin/false 2>&1 | grep -c 'No such file'")).ShouldExit(0).Text.ShouldBe("2\n2");
    }

    [Fact]
    public async Task Questions_and_metadata_are_answered()
    {
        Write("Dockerfile", "FROM busybox AS one\nARG WHO=me\nCMD echo $WHO\n");
        (await BuildAsync("--metadata-file", Path.Combine(_context, ".meta"), "-t", "wb-meta")).ShouldExit(0);
        using var metadata = JsonDocument.Parse(File.ReadAllText(Path.Combine(_context, ".meta")));
        metadata.RootElement.GetProperty("containerimage.digest").GetString()!.ShouldStartWith("sha256:");
        if (!engine.IsWharf) return; // answered through the gateway there, which our client does not use
        var check = await BuildAsync("--check");
        check.ExitCode.ShouldBe(1);
        check.Out.ShouldContain("JSONArgsRecommended");
        (await BuildAsync("--call=targets")).ShouldExit(0).Out.ShouldContain("one");
    }
}
