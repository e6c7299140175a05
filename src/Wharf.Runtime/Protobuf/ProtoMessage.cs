using System.Text;

namespace Wharf.Runtime.Protobuf;

/// <summary>Writes a message in protocol buffers' encoding: numbered fields, each a varint or counted bytes.</summary>
internal sealed class ProtoWriter
{
    private readonly MemoryStream _bytes = new();

    public byte[] ToArray() => _bytes.ToArray();

    public void Number(int field, long value)
    {
        Varint((ulong)field << 3);
        Varint((ulong)value);
    }

    /// <summary>Left out when false, as every switch of criu's is off by default.</summary>
    public void Switch(int field, bool on)
    {
        if (on) Number(field, 1);
    }

    public void Text(int field, string? text)
    {
        if (text is { Length: > 0 }) Bytes(field, Encoding.UTF8.GetBytes(text));
    }

    public void Message(int field, Action<ProtoWriter> write)
    {
        var inner = new ProtoWriter();
        write(inner);
        Bytes(field, inner.ToArray());
    }

    private void Bytes(int field, byte[] bytes)
    {
        Varint((ulong)field << 3 | 2);
        Varint((ulong)bytes.Length);
        _bytes.Write(bytes);
    }

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7) _bytes.WriteByte((byte)(value | 0x80));
        _bytes.WriteByte((byte)value);
    }
}

/// <summary>Reads such a message field by field.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    public int Field { get; private set; }
    public long Number { get; private set; }
    public ReadOnlySpan<byte> Bytes { get; private set; }
    public readonly string Text => Encoding.UTF8.GetString(Bytes);

    /// <summary>Moves to the next field; false at the end.</summary>
    public bool Next()
    {
        if (_rest.Length == 0) return false;
        ulong key = Varint();
        Field = (int)(key >> 3);
        switch (key & 7)
        {
            case 0: Number = (long)Varint(); break;
            case 1: Take(8); break;
            case 2: Bytes = Take((int)Math.Min(Varint(), int.MaxValue)); break;
            case 5: Take(4); break;
            default: throw new InvalidDataException($"field {Field} has the unknown type {key & 7}");
        }
        return true;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new InvalidDataException("a message ends within a field");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte part = Take(1)[0];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80) return value;
        }
        throw new InvalidDataException("a number has more than 64 bits");
    }
}
