using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>The root file system of an image that has packages of this machine's Debian, and all that they depend on, as dpkg lists them.</summary>
public static class DebianImage
{
    private static readonly string[] Left = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/lintian/"];

    /// <summary>Writes the archive to <paramref name="file"/>. Skips the test where a package is not installed.</summary>
    /// <param name="besides">Files and whole directories besides.</param>
    public static async Task WriteAsync(string file, IReadOnlyList<string> packages, params string[] besides)
    {
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var path in (await CommandResult.RunAsync("dpkg-query", ["-L", .. await ClosureAsync(packages)])).Out.Split('\n'))
            if (path.StartsWith('/') && path.Length > 2 && !Array.Exists(Left, path.StartsWith) && Real(path) is { } real) files.Add(real);
        foreach (var link in new[] { "bin", "sbin", "lib", "lib64" })
            if (new FileInfo("/" + link).LinkTarget is not null) files.Add(link);
        foreach (var path in besides.Concat(besides.Where(Directory.Exists).SelectMany(directory => Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories)))) files.Add(path[1..]);
        await File.WriteAllTextAsync(file + ".list", string.Join('\n', files) + "\n");
        (await CommandResult.RunAsync("tar", ["-C", "/", "--no-recursion", "-T", file + ".list", "-cf", file], seconds: 300)).ShouldExit(0);
    }

    /// <summary>Where a path of a package is, since /bin, /lib and the like lead into /usr; null when it is not there.</summary>
    private static string? Real(string path)
    {
        var parts = path[1..].Split('/', 2);
        if (parts.Length == 2 && new FileInfo("/" + parts[0]).LinkTarget is { } target) path = $"/{target.Trim('/')}/{parts[1]}";
        else if (parts.Length == 1 && new FileInfo(path).LinkTarget is not null) return null;
        return Path.Exists(path) || new FileInfo(path).LinkTarget is not null ? path[1..] : null;
    }

    private static async Task<IReadOnlyCollection<string>> ClosureAsync(IReadOnlyList<string> packages)
    {
        var depends = new Dictionary<string, string>(StringComparer.Ordinal);
        var providers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in (await CommandResult.RunAsync("dpkg-query", ["-W", "-f", "${Package}\t${db:Status-Status}\t${Pre-Depends},${Depends}\t${Provides}\n"])).ShouldExit(0).Out.Split('\n'))
        {
            if (line.Split('\t') is not [var name, "installed", var needs, var provides]) continue;
            depends[name] = needs;
            foreach (var provided in Names(provides)) providers.TryAdd(provided, name);
        }
        var closure = new SortedSet<string>(StringComparer.Ordinal);
        var next = new Queue<string>(packages);
        while (next.TryDequeue(out var package))
        {
            if (!depends.TryGetValue(package, out var needs))
            {
                Assert.Skip($"the package {package} is not installed");
                continue;
            }
            if (!closure.Add(package)) continue;
            foreach (var need in needs.Split(',', StringSplitOptions.RemoveEmptyEntries))
                if (Names(need.Replace('|', ',')).Select(name => depends.ContainsKey(name) ? name : providers.GetValueOrDefault(name)).FirstOrDefault(name => name is not null) is { } found) next.Enqueue(found);
        }
        return closure;
    }

    /// <summary>Names of packages, without versions and architectures.</summary>
    private static IEnumerable<string> Names(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(entry => entry.Trim().Split(' ')[0].Split(':')[0]).Where(name => name.Length > 0);
}
