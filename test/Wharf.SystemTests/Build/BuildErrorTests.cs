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
