using System.Buffers.Binary;
using System.Text;

namespace Wharf.Linux.Netlink;

/// <summary>Builds one netlink request (netlink(7), rtnetlink(7)): header, fixed part, attributes aligned to four bytes.</summary>
public sealed class NetlinkMessage
{
    public const ushort NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_EXCL = 0x200, NLM_F_CREATE = 0x400;
    private byte[] _bytes = new byte[512];
    private int _length = 16;

    public NetlinkMessage(ushort type, ushort flags)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(4), type);
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(6), (ushort)(flags | NLM_F_REQUEST | NLM_F_ACK));
    }

    public NetlinkMessage Byte(byte value) { Span(1)[0] = value; return this; }
    public NetlinkMessage UInt16(ushort value) { BinaryPrimitives.WriteUInt16LittleEndian(Span(2), value); return this; }
    public NetlinkMessage UInt32(uint value) { BinaryPrimitives.WriteUInt32LittleEndian(Span(4), value); return this; }

    public NetlinkMessage Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Span(2), LengthField(value.Length + 4));
        BinaryPrimitives.WriteUInt16LittleEndian(Span(2), type);
        value.CopyTo(Span(value.Length));
        Align();
        return this;
    }

    public NetlinkMessage Attribute(ushort type, string text) => Attribute(type, Encoding.UTF8.GetBytes(text + '\0'));

    public NetlinkMessage Attribute(ushort type, uint value)
    {
        System.Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Attribute(type, bytes);
    }

    /// <summary>An attribute that holds what <paramref name="inner"/> adds.</summary>
    public NetlinkMessage Nested(ushort type, Action<NetlinkMessage> inner)
    {
        int start = _length;
        Span(4);
        inner(this);
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(start), LengthField(_length - start));
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(start + 2), type);
        Align();
        return this;
    }

    /// <summary>The finished message.</summary>
    public ReadOnlySpan<byte> Finish(uint sequence)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes, (uint)_length);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(8), sequence);
        return _bytes.AsSpan(0, _length);
    }

    private Span<byte> Span(int count)
    {
        if (_length + count > _bytes.Length) Array.Resize(ref _bytes, (_length + count) * 2);
        var span = _bytes.AsSpan(_length, count);
        _length += count;
        return span;
    }

    // A length that wraps would turn the rest of the value into attributes of its own (CVE-2021-43784).
    private static ushort LengthField(int length) => length <= ushort.MaxValue ? (ushort)length : throw new ArgumentOutOfRangeException(nameof(length), length, "netlink attribute over 64 KiB");

    private void Align()
    {
        while (_length % 4 != 0) Byte(0);
    }
}
