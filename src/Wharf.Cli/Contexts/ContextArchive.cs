using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Contexts;

/// <summary>A context in a file: <c>meta.json</c> and <c>tls/docker/*.pem</c> in a tar, or in a zip when read.</summary>
internal static class ContextArchive
{
    private const int MaxFile = 10 << 20;

    public static void Write(Stream output, ContextDocument context, IReadOnlyDictionary<string, byte[]> tls)
    {
        using var tar = new TarWriter(output, TarEntryFormat.Ustar, leaveOpen: true);
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Add(tar, "meta.json", JsonSerializer.SerializeToUtf8Bytes(context, ContextJson.Default.ContextDocument), Owner | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        foreach (var directory in (ReadOnlySpan<string>)["tls/", "tls/docker/"])
            tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, directory) { Mode = Owner | UnixFileMode.UserExecute, ModificationTime = DateTimeOffset.UnixEpoch });
        foreach (var (name, bytes) in tls) Add(tar, "tls/docker/" + name, bytes, Owner);
    }

    private static void Add(TarWriter tar, string name, byte[] bytes, UnixFileMode mode) =>
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Mode = mode, ModificationTime = DateTimeOffset.UnixEpoch, DataStream = new MemoryStream(bytes) });

    public static (ContextDocument Context, Dictionary<string, byte[]> Tls) Read(byte[] archive)
    {
        var files = archive.AsSpan().StartsWith("PK"u8) ? ReadZip(archive) : ReadTar(archive);
        if (!files.TryGetValue("meta.json", out var meta)) throw new CliException("invalid context: no metadata found");
        ContextDocument? context;
        try
        {
            context = JsonSerializer.Deserialize(meta, ContextJson.Default.ContextDocument);
        }
        catch (JsonException e)
        {
            throw new CliException($"invalid context: {e.Message}", 1, e);
        }
        // Of all paths only those are taken that we know: nothing of the archive becomes a place on disk.
        var tls = ContextStore.TlsFiles.Where(name => files.ContainsKey("tls/docker/" + name)).ToDictionary(name => name, name => files["tls/docker/" + name]);
        return (context ?? new ContextDocument(), tls);
    }

    private static Dictionary<string, byte[]> ReadTar(byte[] archive)
    {
        var files = new Dictionary<string, byte[]>();
        try
        {
            using var tar = new TarReader(new MemoryStream(archive));
            while (tar.GetNextEntry() is { } entry)
                if (entry is { EntryType: TarEntryType.RegularFile or TarEntryType.V7RegularFile, DataStream: { } data }) files[entry.Name] = Bytes(data, entry.Name);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new CliException($"invalid context: {e.Message}", 1, e);
        }
        return files;
    }

    private static Dictionary<string, byte[]> ReadZip(byte[] archive)
    {
        using var zip = new ZipArchive(new MemoryStream(archive), ZipArchiveMode.Read);
        var files = new Dictionary<string, byte[]>();
        foreach (var entry in zip.Entries.Where(entry => entry.Name != ""))
        {
            using var data = entry.Open();
            files[entry.FullName] = Bytes(data, entry.FullName);
        }
        return files;
    }

    private static byte[] Bytes(Stream data, string name)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[8192];
        int count;
        while ((count = data.Read(buffer)) > 0)
        {
            if (memory.Length + count > MaxFile) throw new CliException($"invalid context: {name} is too large");
            memory.Write(buffer, 0, count);
        }
        return memory.ToArray();
    }
}
