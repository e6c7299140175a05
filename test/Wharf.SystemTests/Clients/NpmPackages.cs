using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Packages of npm at pinned versions, kept between runs: fetching them takes longer than the tests.</summary>
internal static class NpmPackages
{
    private const string Root = "/var/tmp/wharf-test/node";

    /// <summary>Runs a script that may require this package, with these arguments. Skips the test where the package cannot be had.</summary>
    public static async Task<CommandResult> RunAsync(string package, string version, string script, params string[] arguments)
    {
        var directory = Path.Combine(Root, $"{package}-{version}");
        var done = Path.Combine(directory, "complete");
        Directory.CreateDirectory(directory);
        if (!File.Exists(done))
        {
            var install = await CommandResult.RunAsync("npm", ["install", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error", $"{package}@{version}"], null, 240);
            Assert.SkipWhen(install.ExitCode != 0, $"npm cannot fetch {package} {version}: {install.Error}");
            await File.WriteAllTextAsync(done, "");
        }
        var path = Path.Combine(directory, "client.js");
        await File.WriteAllTextAsync(path, script);
        return await CommandResult.RunAsync("node", [path, .. arguments], null, 180);
    }
}
