using System.Buffers.Binary;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>An extended attribute: the number of its name's prefix, the rest of the name, the value.</summary>
internal readonly record struct ErofsXattr(byte Prefix, byte[] Name, byte[] Value)
{
    /// <summary>By its whole name (<c>security.capability</c>). InvalidArgument for one that EROFS cannot hold.</summary>
    public static ErofsXattr Of(ReadOnlySpan<byte> name, byte[] value)
    {
        if (value.Length > MostXattrValue) throw WharfException.Invalid($"attribute {FileAt.Text(name)}: its value has {value.Length} bytes, and EROFS holds {MostXattrValue}");
        if (name.SequenceEqual("system.posix_acl_access"u8)) return new(2, [], value);
        if (name.SequenceEqual("system.posix_acl_default"u8)) return new(3, [], value);
        if (name.StartsWith("user."u8)) return new(1, name[5..].ToArray(), value);
        if (name.StartsWith("trusted."u8)) return new(4, name[8..].ToArray(), value);
        if (name.StartsWith("security."u8)) return new(6, name[9..].ToArray(), value);
        throw WharfException.Invalid($"attribute {FileAt.Text(name)}: EROFS has no attributes of this kind");
    }

    /// <summary>Bytes in the image.</summary>
    public int Size => (int)Aligned(XattrEntry + Name.Length + Value.Length, 4);

    public void Write(Span<byte> target)
    {
        (target[0], target[1]) = ((byte)Name.Length, Prefix);
        BinaryPrimitives.WriteUInt16LittleEndian(target[2..], (ushort)Value.Length);
        Name.CopyTo(target[XattrEntry..]);
        Value.CopyTo(target[(XattrEntry + Name.Length)..]);
    }
}
