using System.Text;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Finds the package databases in an image's layers, lowest first: what an upper layer hides or writes anew counts.</summary>
internal sealed class PackageReader(Limits limits)
{
    /// <summary>Of one database, and of all files of status.d together.</summary>
    private const int MaxFile = 24 << 20, MaxAll = 48 << 20;
    private const string Whiteout = ".wh.", Opaque = ".wh..wh..opq";

    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private long _total;

    public PackageList Packages => PackageList.Of(_files);

    public async Task AddLayerAsync(Stream layer, CancellationToken cancellation)
    {
        await using var tar = await Compression.OpenAsync(layer, limits.MaxDecompressionRatio, cancellation);
        var reader = new TarReader(tar, limits);
        // What the layer hides is hidden of the layers below, wherever in it that is told.
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        while (await reader.ReadNextAsync(cancellation) is { } entry)
        {
            var path = entry.NameText.TrimStart('.', '/');
            if (entry.NameText.StartsWith(Whiteout, StringComparison.Ordinal)) path = entry.NameText;
            Hide(path);
            if (entry.IsFile && PackageList.IsOfInterest(path)) found[path] = await TextAsync(reader, entry, cancellation);
        }
        foreach (var (path, text) in found) _files[path] = text;
    }

    private void Hide(string path)
    {
        int slash = path.LastIndexOf('/');
        var (directory, name) = (path[..(slash + 1)], path[(slash + 1)..]);
        if (!name.StartsWith(Whiteout, StringComparison.Ordinal)) return;
        var hidden = name == Opaque ? directory : directory + name[Whiteout.Length..];
        foreach (var file in _files.Keys.Where(file => file == hidden || file.StartsWith(hidden.EndsWith('/') || hidden == "" ? hidden : hidden + "/", StringComparison.Ordinal)).ToList()) _files.Remove(file);
    }

    private async Task<string> TextAsync(TarReader reader, TarEntry entry, CancellationToken cancellation)
    {
        if (entry.Size > MaxFile || (_total += entry.Size) > MaxAll) throw WharfException.Invalid($"{entry.NameText} is too large for a package database");
        using var memory = new MemoryStream((int)entry.Size);
        for (var data = await reader.ReadDataAsync(cancellation); !data.IsEmpty; data = await reader.ReadDataAsync(cancellation)) memory.Write(data.Span);
        return Encoding.UTF8.GetString(memory.GetBuffer().AsSpan(0, (int)memory.Length));
    }
}
