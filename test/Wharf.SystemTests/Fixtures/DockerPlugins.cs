using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>Docker's own buildx and compose: where packages put them, where test.sh does, or in the directory WHARF_TEST_PLUGINS.</summary>
internal static class DockerPlugins
{
    private static readonly string[] Places =
    [
        Environment.GetEnvironmentVariable("WHARF_TEST_PLUGINS") ?? "", "/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
        "/usr/local/lib/docker/cli-plugins", "/var/tmp/wharf-test/cli-plugins", "/var/tmp/wharf-peers/docker-config/cli-plugins",
    ];

    /// <summary>The directory of a plugin; null when it is not installed.</summary>
    public static string? Find(string plugin) => Places.FirstOrDefault(place => place.Length > 0 && File.Exists(Path.Combine(place, plugin)));

    /// <summary>Skips a test that needs the plugin where there is none.</summary>
    public static void Require(string plugin)
    {
        if (Find(plugin) is null) Assert.Skip($"{plugin} is not installed: ./test.sh installs it; WHARF_TEST_PLUGINS names another directory");
    }

    /// <summary>Makes <paramref name="directory"/> a configuration directory for docker that names the plugins.</summary>
    public static string Config(string directory)
    {
        Directory.CreateDirectory(directory);
        var plugins = string.Join(", ", new[] { Find("docker-buildx"), Find("docker-compose") }.Where(place => place is not null).Distinct().Select(place => $"\"{place}\""));
        File.WriteAllText(Path.Combine(directory, "config.json"), $"{{\"cliPluginsExtraDirs\": [{plugins}]}}");
        return directory;
    }
}
