using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>Clients of others that Debian 12 has no package of: test.sh puts them into a directory of its own.</summary>
public static class Programs
{
    private static readonly string[] _places = ["/usr/bin", "/usr/local/bin", Environment.GetEnvironmentVariable("WHARF_PEER_BIN") ?? "/var/tmp/wharf-test/bin"];

    /// <summary>The program's path; the test is skipped where there is none.</summary>
    public static string Find(string name)
    {
        var path = _places.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists);
        if (path is null) Assert.Skip($"no {name} in {string.Join(", ", _places)} (test.sh fetches it)");
        return path!;
    }
}
