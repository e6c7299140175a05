using System.Buffers.Binary;
using System.Text;

namespace Wharf.Linux.DBus;

/// <summary>Marshals values as the D-Bus specification has it, little-endian, each at a multiple of its size.</summary>
public sealed class DBusWriter
{
    private readonly List<byte> _bytes = new(512);

    public int Length => _bytes.Count;
    public byte[] ToArray() => [.. _bytes];

    public void Align(int size)
    {
        while (_bytes.Count % size != 0) _bytes.Add(0);
    }

    public void Byte(byte value) => _bytes.Add(value);

    public void UInt32(uint value)
    {
        Align(4);
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
    }

    public void UInt64(ulong value)
    {
        Align(8);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
    }

    public void Boolean(bool value) => UInt32(value ? 1u : 0u);

    /// <summary>A string or object path.</summary>
    public void Text(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        UInt32((uint)bytes.Length);
        _bytes.AddRange(bytes);
        _bytes.Add(0);
    }

    public void Signature(string value)
    {
        _bytes.Add((byte)value.Length);
        _bytes.AddRange(Encoding.ASCII.GetBytes(value));
        _bytes.Add(0);
    }

    /// <summary>An array whose elements <paramref name="elements"/> writes; its length is known afterwards.</summary>
    public void Array(int elementAlignment, Action elements)
    {
        UInt32(0);
        int lengthAt = _bytes.Count - 4;
        Align(elementAlignment);
        int start = _bytes.Count;
        elements();
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)(_bytes.Count - start));
        for (int i = 0; i < 4; i++) _bytes[lengthAt + i] = length[i];
    }

    public void Raw(ReadOnlySpan<byte> bytes) => _bytes.AddRange(bytes);
}
