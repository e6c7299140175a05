using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Build;

/// <summary>
/// The real docker CLI with its buildx and compose plugins against the engine under test.
/// </summary>
internal static class Buildx
{
    /// <summary>Runs docker with BuildKit. <paramref name="args"/> begin with <c>build</c>, <c>buildx</c> or <c>compose</c>.</summary>
    public static async Task<CommandResult> RunAsync(EngineFixture engine, string[] args, byte[]? stdin = null, int seconds = 120, IReadOnlyDictionary<string, string>? environment = null)
    {
        Require(args[0] == "compose" ? "docker-compose" : "docker-buildx");
        var all = new Dictionary<string, string>(environment ?? new Dictionary<string, string>()) { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = Config(engine), ["BUILDKIT_PROGRESS"] = "plain" };
        return await CommandResult.RunAsync("docker", args, stdin, seconds, all);
    }

    public static void Require(string plugin) => DockerPlugins.Require(plugin);

    /// <summary>A configuration directory of the test's own that names the plugins.</summary>
    public static string Config(EngineFixture engine) => DockerPlugins.Config(Path.Combine(engine.Root, "buildx-config"));
}
