using System.Text;
using System.Text.Json;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Finds what tells of packages in an image's layers, lowest first: what an upper layer hides or writes anew counts.</summary>
internal sealed class PackageReader(Limits limits)
{
    private const int MaxPackages = 500_000, MaxSkipped = 100;
    private const string Whiteout = ".wh.", Opaque = ".wh..wh..opq";
    private const uint Executable = 0x49; // 0111

    private readonly Dictionary<string, List<Package>> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _releases = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _skipped = new(StringComparer.Ordinal);
    private int _count;

    public PackageList Packages => PackageList.Of(_releases.GetValueOrDefault(PackageFiles.OsRelease) ?? _releases.GetValueOrDefault(PackageFiles.OsReleaseUsr) ?? "",
        _files.Where(file => !PackageFiles.IsNodeLock(file.Key) || !_files.Keys.Any(other => other.StartsWith(file.Key[..(file.Key.LastIndexOf('/') + 1)] + "node_modules/", StringComparison.Ordinal))).SelectMany(static file => file.Value));

    /// <summary>Files that could not be read: too large, or not what their names say.</summary>
    public IReadOnlyCollection<string> Skipped => _skipped;

    public async Task AddLayerAsync(Stream layer, CancellationToken cancellation)
    {
        await using var tar = await Compression.OpenAsync(layer, limits.MaxDecompressionRatio, cancellation);
        var reader = new TarReader(tar, limits);
        // What the layer hides is hidden of the layers below, wherever in it that is told.
        var found = new Dictionary<string, List<Package>>(StringComparer.Ordinal);
        while (await reader.ReadNextAsync(cancellation) is { } entry)
        {
            var path = entry.NameText.TrimStart('.', '/');
            if (entry.NameText.StartsWith(Whiteout, StringComparison.Ordinal)) path = entry.NameText;
            Hide(path);
            // Written anew, or no file any more: what was there before counts no longer.
            if (_files.Count > 0) _files.Remove(path);
            if (!entry.IsFile) continue;
            if (PackageFiles.IsRelease(path)) _releases[path] = Encoding.UTF8.GetString(await BytesAsync(reader, entry, PackageFiles.MaxFile, cancellation) ?? []);
            else if (await PackagesAsync(reader, entry, path, cancellation) is { Count: > 0 } packages) found[path] = packages;
        }
        foreach (var (path, packages) in found) _files[path] = packages;
    }

    private void Hide(string path)
    {
        int slash = path.LastIndexOf('/');
        var (directory, name) = (path[..(slash + 1)], path[(slash + 1)..]);
        if (!name.StartsWith(Whiteout, StringComparison.Ordinal)) return;
        var hidden = name == Opaque ? directory : directory + name[Whiteout.Length..];
        bool IsHidden(string file) => file == hidden || file.StartsWith(hidden.EndsWith('/') || hidden == "" ? hidden : hidden + "/", StringComparison.Ordinal);
        foreach (var file in _files.Keys.Where(IsHidden).ToList()) _files.Remove(file);
        foreach (var file in _releases.Keys.Where(IsHidden).ToList()) _releases.Remove(file);
        _skipped.RemoveWhere(IsHidden);
    }

    private async Task<List<Package>?> PackagesAsync(TarReader reader, TarEntry entry, string path, CancellationToken cancellation)
    {
        List<Package> packages;
        if (PackageFiles.ParserOf(path) is { } parser)
        {
            if (await BytesAsync(reader, entry, PackageFiles.IsDatabase(path) ? PackageFiles.MaxDatabase : PackageFiles.MaxFile, cancellation) is not { } bytes) return Skip(path);
            try { packages = [.. parser(bytes)]; }
            catch (Exception error) when (error is InvalidDataException or JsonException or InvalidOperationException or NotSupportedException or ArgumentException or IOException) { return Skip(path); }
        }
        else if ((entry.Mode & Executable) != 0) packages = await ProgramAsync(reader, cancellation);
        else return null;
        // Bounded, whatever the layers hold.
        if ((_count += packages.Count) > MaxPackages) throw WharfException.Invalid($"the image has more than {MaxPackages} packages");
        return packages;
    }

    private List<Package>? Skip(string path)
    {
        if (_skipped.Count < MaxSkipped) _skipped.Add(path);
        return null;
    }

    private static async Task<List<Package>> ProgramAsync(TarReader reader, CancellationToken cancellation)
    {
        var data = await reader.ReadDataAsync(cancellation);
        if (!GoBinary.IsProgram(data.Span)) return [];
        var binary = new GoBinary();
        for (; !data.IsEmpty && !binary.IsDone; data = await reader.ReadDataAsync(cancellation)) binary.Add(data.Span);
        binary.End();
        return binary.Packages;
    }

    /// <summary>Null when it is too large.</summary>
    private static async Task<byte[]?> BytesAsync(TarReader reader, TarEntry entry, int most, CancellationToken cancellation)
    {
        if (entry.Size > most) return null;
        using var memory = new MemoryStream();
        for (var data = await reader.ReadDataAsync(cancellation); !data.IsEmpty; data = await reader.ReadDataAsync(cancellation)) memory.Write(data.Span);
        return memory.ToArray();
    }
}
