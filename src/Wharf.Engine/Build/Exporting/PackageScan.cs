using System.Text;
using System.Text.Json;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Images;
using Wharf.Linux.Fds;

namespace Wharf.Engine.Build.Exporting;

/// <summary>A package found in a file system. <see cref="Url"/> names it to the world (package URL specification).</summary>
public sealed record FoundPackage(string Name, string Version, string Url, string? License, string? Supplier, string Source);

/// <summary>
/// Finds packages by what package managers write down: dpkg, apk, Python's and Node's. Only reads, follows no link out of the root, and takes files
/// for what strangers wrote: what cannot be read is passed over.
/// </summary>
public static class PackageScan
{
    private const int MaxEntries = 500_000, MaxDepth = 24;
    private const long MaxDatabase = 64 << 20, MaxDescription = 1 << 20;

    public static List<FoundPackage> Run(Fd root, CancellationToken cancellation)
    {
        var found = new List<FoundPackage>();
        var distribution = Distribution(root);
        foreach (var stanza in Stanzas.In(Text(root, "var/lib/dpkg/status", MaxDatabase)))
        {
            // "deinstall ok config-files" and the like: named, but not here.
            if (!stanza.GetValueOrDefault("Status", "").EndsWith(" installed", StringComparison.Ordinal) || stanza.GetValueOrDefault("Package") is not { } name || stanza.GetValueOrDefault("Version") is not { } version) continue;
            found.Add(new FoundPackage(name, version, $"pkg:deb/{distribution}/{Escape(name)}@{Escape(version)}?arch={Escape(stanza.GetValueOrDefault("Architecture", "all"))}", null, stanza.GetValueOrDefault("Maintainer"), "var/lib/dpkg/status"));
        }
        foreach (var stanza in Stanzas.In(Text(root, "lib/apk/db/installed", MaxDatabase)))
        {
            if (stanza.GetValueOrDefault("P") is not { } name || stanza.GetValueOrDefault("V") is not { } version) continue;
            found.Add(new FoundPackage(name, version, $"pkg:apk/{distribution}/{Escape(name)}@{Escape(version)}?arch={Escape(stanza.GetValueOrDefault("A", ""))}", stanza.GetValueOrDefault("L"), null, "lib/apk/db/installed"));
        }
        int left = MaxEntries;
        Walk(root, root, "", 0, ref left, found, cancellation);
        return [.. found.DistinctBy(static package => package.Url).OrderBy(static package => package.Url, StringComparer.Ordinal)];
    }

    private static string Escape(string text) => Uri.EscapeDataString(text);

    private static string Distribution(Fd root)
    {
        foreach (var line in Text(root, "etc/os-release", MaxDescription).Split('\n'))
            if (line.StartsWith("ID=", StringComparison.Ordinal)) return Escape(line["ID=".Length..].Trim().Trim('"'));
        return "unknown";
    }

    private static string Text(Fd root, string path, long limit)
    {
        try { return Encoding.UTF8.GetString(RootReader.Read(root, path, limit)); }
        catch (Exception error) when (error is Specs.Errors.WharfException or Linux.Syscalls.SyscallException) { return ""; }
    }

    private static void Walk(Fd root, Fd directory, string path, int depth, ref int left, List<FoundPackage> found, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > MaxDepth) return;
        int fd = FileAt.Open(directory.Value, "."u8, O.RDONLY | O.DIRECTORY);
        if (fd < 0) return;
        using var readable = new Fd(fd);
        foreach (var bytes in DirectoryEntries.Read(readable.Value))
        {
            if (--left < 0) return;
            var name = Encoding.UTF8.GetString(bytes);
            if (FileAt.Stat(readable.Value, bytes, out var stat) < 0 || !stat.IsDirectory || (depth == 0 && name is "proc" or "sys" or "dev")) continue;
            var inside = path.Length == 0 ? name : $"{path}/{name}";
            if (name.EndsWith(".dist-info", StringComparison.Ordinal) || name.EndsWith(".egg-info", StringComparison.Ordinal)) Python(root, inside, found);
            else if (path.EndsWith("node_modules", StringComparison.Ordinal) || IsScoped(path)) Node(root, inside, found);
            int child = FileAt.Open(readable.Value, bytes, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
            if (child < 0) continue;
            using var below = new Fd(child);
            Walk(root, below, inside, depth + 1, ref left, found, cancellation);
        }
    }

    /// <summary>Whether a directory holds packages of a scope: <c>node_modules/@scope</c>.</summary>
    private static bool IsScoped(string path) => path.LastIndexOf('/') is > 0 and var slash && path[slash + 1] == '@' && path[..slash].EndsWith("node_modules", StringComparison.Ordinal);

    private static void Python(Fd root, string directory, List<FoundPackage> found)
    {
        foreach (var file in new[] { directory + "/METADATA", directory + "/PKG-INFO" })
        {
            if (Stanzas.In(Text(root, file, MaxDescription)).FirstOrDefault() is not { } about || about.GetValueOrDefault("Name") is not { } name || about.GetValueOrDefault("Version") is not { } version) continue;
            found.Add(new FoundPackage(name, version, $"pkg:pypi/{Escape(name.ToLowerInvariant().Replace('_', '-'))}@{Escape(version)}", about.GetValueOrDefault("License"), about.GetValueOrDefault("Author"), file));
            return;
        }
    }

    private static void Node(Fd root, string directory, List<FoundPackage> found)
    {
        var file = directory + "/package.json";
        var text = Text(root, file, MaxDescription);
        if (text.Length == 0) return;
        try
        {
            using var document = JsonDocument.Parse(text);
            if (Member(document.RootElement, "name") is not { } name || Member(document.RootElement, "version") is not { } version) return;
            found.Add(new FoundPackage(name, version, $"pkg:npm/{Escape(name).Replace("%2F", "/", StringComparison.Ordinal)}@{Escape(version)}", Member(document.RootElement, "license"), null, file));
        }
        catch (JsonException)
        {
            // Not a description of a package, though it has the name of one.
        }
    }

    private static string? Member(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
