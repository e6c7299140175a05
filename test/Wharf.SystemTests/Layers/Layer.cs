using System.Text;
using Wharf.Engine.Archive;

namespace Wharf.SystemTests.Layers;

/// <summary>Builds a layer's tar member by member.</summary>
internal sealed class Layer
{
    private readonly MemoryStream _bytes = new();
    private readonly TarWriter _writer;

    public Layer() => _writer = new TarWriter(_bytes);

    public Layer File(string name, string content) => Add(new TarEntry { Name = Bytes(name), Mode = 0x1a4, ModifiedSeconds = 1_000_000_000 }, content);

    public Layer Directory(string name, uint mode = 0x1ed, uint uid = 0, uint gid = 0) =>
        Add(new TarEntry { Type = TarType.Directory, Name = Bytes(name + "/"), Mode = mode, Uid = uid, Gid = gid, ModifiedSeconds = 1_000_000_000 });

    public Layer Symlink(string name, string target) => Add(new TarEntry { Type = TarType.Symlink, Name = Bytes(name), LinkName = Bytes(target), Mode = 0x1ff });

    public Layer HardLink(string name, string target) => Add(new TarEntry { Type = TarType.HardLink, Name = Bytes(name), LinkName = Bytes(target), Mode = 0x1a4 });

    public Layer Whiteout(string name)
    {
        int slash = name.LastIndexOf('/') + 1;
        return File(name[..slash] + ".wh." + name[slash..], "");
    }

    public Layer Opaque(string directory) => File((directory.Length == 0 ? "" : directory + "/") + ".wh..wh..opq", "");

    public Layer Add(TarEntry entry, string content = "")
    {
        if (entry.IsFile) _writer.WriteFileAsync(entry, Bytes(content), default).AsTask().GetAwaiter().GetResult();
        else _writer.WriteEntryAsync(entry, default).AsTask().GetAwaiter().GetResult();
        return this;
    }

    public byte[] ToArray()
    {
        _writer.FinishAsync(default).AsTask().GetAwaiter().GetResult();
        return _bytes.ToArray();
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
