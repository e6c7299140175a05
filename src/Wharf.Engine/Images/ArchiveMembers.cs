using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Wharf.Engine.Archive;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// The members of an image archive in a private directory, each under a number of its own: names from the archive are only looked up,
/// never used as paths. Links (docker's older archives link equal layers) point at the same file. Disposing removes all.
/// </summary>
public sealed class ArchiveMembers : IDisposable
{
    /// <summary>Of documents: manifests, configurations, indexes.</summary>
    private const long MaxDocument = 8L << 20;
    private const int MaxLinkDepth = 8;

    private readonly string _directory;
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _links = new(StringComparer.Ordinal);

    private ArchiveMembers(string directory) => _directory = directory;

    public static async Task<ArchiveMembers> ReadAsync(Stream tar, string parent, Limits limits, CancellationToken cancellation)
    {
        var members = new ArchiveMembers(Directory.CreateDirectory(Path.Combine(parent, "load-" + Guid.NewGuid().ToString("N")), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName);
        try
        {
            await members.ReadAllAsync(new TarReader(tar, limits), limits, cancellation);
            return members;
        }
        catch
        {
            members.Dispose();
            throw;
        }
    }

    private async Task ReadAllAsync(TarReader reader, Limits limits, CancellationToken cancellation)
    {
        long total = 0;
        int count = 0;
        while (await reader.ReadNextAsync(cancellation) is { } entry)
        {
            var name = Normal(entry.NameText);
            if (entry.IsFile)
            {
                if ((total += entry.Size) > limits.MaxLayerBytes) throw WharfException.Invalid($"the archive unpacks to more than {limits.MaxLayerBytes} bytes");
                if (++count > limits.MaxArchiveMembers) throw WharfException.Invalid($"the archive has more than {limits.MaxArchiveMembers} members");
                var path = Path.Combine(_directory, count.ToString(CultureInfo.InvariantCulture));
                await WriteAsync(reader, entry, path, cancellation);
                _paths[name] = path;
                _links.Remove(name);
            }
            else if (entry.Type == TarType.HardLink) _links[name] = Normal(entry.LinkNameText);
            else if (entry.Type == TarType.Symlink) _links[name] = Normal(Path.Combine(Path.GetDirectoryName(name) ?? "", entry.LinkNameText));
        }
    }

    private static async Task WriteAsync(TarReader reader, TarEntry entry, string path, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        for (var data = await reader.ReadDataAsync(cancellation); !data.IsEmpty; data = await reader.ReadDataAsync(cancellation))
            RandomAccess.Write(file, data.Span, reader.DataOffset);
        if (entry.Sparse is not null) RandomAccess.SetLength(file, entry.Size);
    }

    private static string Normal(string name)
    {
        var parts = new List<string>();
        foreach (var part in name.Split('/'))
        {
            if (part == ".." && parts.Count > 0) parts.RemoveAt(parts.Count - 1);
            else if (part is not ("" or "." or "..")) parts.Add(part);
        }
        return string.Join('/', parts);
    }

    public static string NameOf(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex}";

    public bool Has(string name) => Find(name) is not null;

    /// <summary>Where a member's content lies; InvalidArgument when the archive has none of that name.</summary>
    public string PathOf(string name) => Find(name) ?? throw WharfException.Invalid($"the archive lacks {name}: no such file or directory");

    /// <summary>As <see cref="PathOf"/>; null when there is none.</summary>
    public string? Find(string name)
    {
        name = Normal(name);
        for (int depth = 0; depth < MaxLinkDepth; depth++)
        {
            if (_paths.TryGetValue(name, out var path)) return path;
            if (!_links.TryGetValue(name, out var target)) return null;
            name = target;
        }
        return null;
    }

    /// <summary>A small member whole.</summary>
    public async Task<byte[]> BytesAsync(string name, CancellationToken cancellation)
    {
        var path = PathOf(name);
        if (new FileInfo(path).Length > MaxDocument) throw WharfException.Invalid($"{name} in the archive is larger than {MaxDocument} bytes");
        return await File.ReadAllBytesAsync(path, cancellation);
    }

    /// <summary>A small blob whole, its size and digest verified.</summary>
    public async Task<byte[]> BlobAsync(Descriptor descriptor, CancellationToken cancellation)
    {
        var bytes = await BytesAsync(NameOf(descriptor.Digest), cancellation);
        if (bytes.Length != descriptor.Size) throw WharfException.Invalid($"content {descriptor.Digest} has {bytes.Length} bytes, its descriptor says {descriptor.Size}");
        var found = descriptor.Digest.Algorithm == "sha512" ? Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        return found == descriptor.Digest ? bytes : throw WharfException.Invalid($"content digest mismatch: expected {descriptor.Digest}, got {found}");
    }

    public async Task<T> DocumentAsync<T>(string name, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class
    {
        try { return JsonSerializer.Deserialize(await BytesAsync(name, cancellation), type) ?? throw WharfException.Invalid($"{name} in the archive is empty"); }
        catch (JsonException error) { throw WharfException.Invalid($"{name} in the archive is not valid JSON of its kind (line {error.LineNumber + 1}, byte {error.BytePositionInLine})", error); }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
