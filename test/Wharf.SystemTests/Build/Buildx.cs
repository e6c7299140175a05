using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>
/// The real docker CLI with its buildx and compose plugins against the engine under test. The plugins are looked for where packages put them, or in the
/// directory WHARF_DOCKER_PLUGINS; a machine without them cannot run these tests, which says so as a skip.
/// </summary>
internal static class Buildx
{
    private static readonly string[] Places = ["/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins", "/usr/local/lib/docker/cli-plugins"];

    private static string? Find(string plugin) => new[] { Environment.GetEnvironmentVariable("WHARF_DOCKER_PLUGINS") ?? "" }.Concat(Places).FirstOrDefault(place => place.Length > 0 && File.Exists(Path.Combine(place, plugin)));

    /// <summary>Runs docker with BuildKit. <paramref name="args"/> begin with <c>build</c>, <c>buildx</c> or <c>compose</c>.</summary>
    public static async Task<CommandResult> RunAsync(EngineFixture engine, string[] args, byte[]? stdin = null, int seconds = 120, IReadOnlyDictionary<string, string>? environment = null)
    {
        Require(args[0] == "compose" ? "docker-compose" : "docker-buildx");
        var all = new Dictionary<string, string>(environment ?? new Dictionary<string, string>()) { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = Config(engine), ["BUILDKIT_PROGRESS"] = "plain" };
        return await CommandResult.RunAsync("docker", args, stdin, seconds, all);
    }

    public static void Require(string plugin)
    {
        if (Find(plugin) is null) Assert.Skip($"{plugin} is not installed; set WHARF_DOCKER_PLUGINS to its directory");
    }

    /// <summary>A configuration directory of the test's own that names the plugins.</summary>
    public static string Config(EngineFixture engine)
    {
        var directory = Path.Combine(engine.Root, "buildx-config");
        Directory.CreateDirectory(directory);
        var plugins = string.Join(", ", new[] { Find("docker-buildx"), Find("docker-compose") }.Where(place => place is not null).Distinct().Select(place => $"\"{place}\""));
        File.WriteAllText(Path.Combine(directory, "config.json"), $"{{\"cliPluginsExtraDirs\": [{plugins}]}}");
        return directory;
    }
}
