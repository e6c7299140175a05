using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What buildx says of Dockerfiles that cannot be built: the same words on docker's builder and on Wharf's.</summary>
public sealed class BuildErrorTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-errors-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private async Task<CommandResult> BuildAsync(string lines)
    {
        await File.WriteAllTextAsync(Path.Combine(_context, "a"), "a");
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), $"FROM busybox\n{lines}\n");
        return await Buildx.RunAsync(engine, ["build", "--no-cache", "--provenance=false", _context]);
    }

    [Theory]
    [InlineData("EXPOSE /tcp", "invalid port: \"/tcp\": no port specified")]
    [InlineData("EXPOSE x", "invalid containerPort: x")]
    [InlineData("WORKDIR /etc/passwd", "mkdir /etc/passwd: not a directory")]
    [InlineData("ADD http://127.0.0.1:1/x /", "failed to load cache key: Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused")]
    [InlineData("RUN --mount=type=nope,target=/t true", "unsupported mount type \"nope\"")]
    [InlineData("RUN --mount=type=bind true", "invalid mount target \"/\"")]
    [InlineData("RUN --mount=type=cache,target=$NOTHING true", "invalid mount target \"/\"")]
    [InlineData("RUN --mount=type=secret true", "invalid secret mount. one of source, target required")]
    [InlineData("RUN --mount=type=ssh,required true", "unset ssh forward key default")]
    [InlineData("RUN --mount=type=cache,target=/c,sharing=x true", "unsupported sharing value \"x\"")]
    [InlineData("RUN --mount=type=cache,target=/c,uid=x true", "invalid value x for uid")]
    [InlineData("RUN --mount=type=tmpfs,target=/t,size=x true", "invalid value for size: x")]
    [InlineData("RUN --mount=type=bind,target true", "invalid field 'target' must be a key=value pair")]
    [InlineData("RUN --mount=type=bind,target=/b,nope=1 true", "unexpected key 'nope' in 'nope=1' (did you mean type?)")]
    [InlineData("RUN --mount= true", "dockerfile parse error on line 2: failed to parse csv mounts: EOF")]
    [InlineData("RUN --mount true", "dockerfile parse error on line 2: missing a value on flag: --mount")]
    [InlineData("COPY --from a /x", "dockerfile parse error on line 2: missing a value on flag: --from")]
    public async Task A_mistake_is_told_in_the_builders_words(string lines, string message) =>
        (await BuildAsync(lines)).ShouldExit(1).Error.ShouldContain("failed to solve: " + message + "\n");

    /// <summary>The line of what failed has only what it says itself; the build's error says in what it failed.</summary>
    [Theory]
    [InlineData("COPY nowhere /x", "failed to compute cache key: ", "failed to calculate checksum of ref ")]
    [InlineData("RUN --mount=source=nowhere,target=/m true", "failed to compute cache key: ", "failed to calculate checksum of ref ")]
    [InlineData("ADD http://127.0.0.1:1/x /", "failed to load cache key: ", "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused")]
    [InlineData("FROM 127.0.0.1:1/nothing", "127.0.0.1:1/nothing: failed to resolve source metadata for 127.0.0.1:1/nothing:latest: ", "failed to do request: Head ")]
    [InlineData("RUN exit 3", "", "process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3\n")]
    public async Task The_progress_tells_an_error_without_the_builds_words(string lines, string before, string message)
    {
        var error = (await BuildAsync(lines)).ShouldExit(1).Error;
        error.ShouldContain(" ERROR: " + message);
        error.ShouldContain("failed to solve: " + before + message);
    }

    [Theory]
    [InlineData("COPY --chmod=999 a /x", "invalid chmod parameter: '999'. it should be octal string and between 0 and 07777", 2, 2)]
    [InlineData("RUN <<EOF\nnever ended", "unterminated heredoc", 2, 3)]
    [InlineData("COPY <<\"q r\" /e\nno\nq r", "failed to process \"<<\\\"q\": unexpected end of statement while looking for matching double-quote", 2, 4)]
    [InlineData("ENV a=b \"c d\"", "Syntax error - can't find = in \"\\\"c d\\\"\". Must be of the form: name=value", 2, 2)]
    [InlineData("COPY --from=127.0.0.1:1/nothing a /x", "127.0.0.1:1/nothing: failed to resolve source metadata for 127.0.0.1:1/nothing:latest", 2, 2)]
    [InlineData("FROM 127.0.0.1:1/nothing", "127.0.0.1:1/nothing: failed to resolve source metadata for 127.0.0.1:1/nothing:latest", 2, 2)]
    public async Task A_mistake_is_shown_with_all_its_lines_and_before_anything_runs(string lines, string message, int first, int last)
    {
        var error = (await BuildAsync(lines)).ShouldExit(1).Error;
        error.ShouldContain("failed to solve: " + message);
        var marked = error.Split('\n').Where(static line => line.Contains(" | >>> ", StringComparison.Ordinal)).Select(static line => int.Parse(line.Split('|')[0], System.Globalization.CultureInfo.InvariantCulture)).ToList();
        marked.ShouldBe(Enumerable.Range(first, last - first + 1));
        error.ShouldNotContain("[2/2]");
    }

    [Fact]
    public async Task A_warning_is_told_where_the_Dockerfile_comes_and_a_step_with_its_variables()
    {
        (await BuildAsync("ARG A=arg\nENV E=\"en v\"\nCOPY a /$NOPE\nRUN echo \"$A $E ${NOPE:-x}\" '$E' a\\ b")).ShouldExit(0).Error.ShouldContain("] RUN echo \"arg en v ${NOPE:-x}\" '$E' a b\n");
        var progress = (await Buildx.RunAsync(engine, ["build", "--progress=rawjson", "--provenance=false", _context])).ShouldExit(0).Error.Split('\n').Where(static line => line.StartsWith('{')).Select(static line => JsonNode.Parse(line)!).ToList();
        var warning = progress.SelectMany(static status => status["warnings"]?.AsArray() ?? []).Single()!;
        progress.SelectMany(static status => status["vertexes"]?.AsArray() ?? []).First(vertex => vertex!["digest"]!.GetValue<string>() == warning["vertex"]!.GetValue<string>())!["name"]!.GetValue<string>().ShouldBe("[internal] load build definition from Dockerfile");
    }

    [Theory]
    [InlineData("COPY a\\ /x", "")] // an escape at the end of a word is nothing
    [InlineData("HEALTHCHECK --interval=0 --timeout=0s CMD true", "{[CMD-SHELL true] 0s 0s 0s 0s 0}")]
    [InlineData("FROM --platform= busybox AS second", "")]
    public async Task What_looks_like_a_mistake_and_is_none_is_taken(string lines, string health)
    {
        (await BuildAsync(lines)).ShouldExit(0);
        if (health.Length == 0) return;
        (await Buildx.RunAsync(engine, ["build", "-t", "errors-taken", _context])).ShouldExit(0);
        (await engine.DockerAsync("image", "inspect", "errors-taken", "--format", "{{.Config.Healthcheck}}")).Text.ShouldBe(health);
        using var api = new EngineApi(engine.SocketPath);
        (await api.GetAsync("/images/errors-taken/json")).Json["Config"]!["Healthcheck"]!.AsObject().ContainsKey("Interval").ShouldBeFalse();
        (await engine.DockerAsync("rmi", "errors-taken")).ShouldExit(0);
    }
}
