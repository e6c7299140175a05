using System.Buffers.Binary;
using System.Text;

namespace Wharf.Linux.DBus;

public enum DBusType : byte { MethodCall = 1, MethodReturn = 2, Error = 3, Signal = 4 }

/// <summary>A message that came in. Only the header fields and leading strings of the body are read: more is never needed here.</summary>
public sealed class DBusMessage
{
    public DBusType Type { get; private init; }
    public uint ReplySerial { get; private set; }
    public string? Member { get; private set; }
    public string? ErrorName { get; private set; }
    public string Signature { get; private set; } = "";
    public byte[] Body { get; private init; } = [];

    /// <summary>Parses a whole message; <paramref name="bytes"/> starts at its first byte.</summary>
    public static DBusMessage Parse(ReadOnlySpan<byte> bytes, int bodyLength)
    {
        var message = new DBusMessage { Type = (DBusType)bytes[1], Body = bytes[^bodyLength..].ToArray() };
        int at = 16, end = 16 + BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        while (at < end)
        {
            at = Align(at, 8);
            byte field = bytes[at];
            int signatureLength = bytes[at + 1];
            char kind = (char)bytes[at + 2];
            at += 3 + signatureLength;
            switch (kind)
            {
                case 'u':
                    at = Align(at, 4);
                    if (field == 5) message.ReplySerial = BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
                    at += 4;
                    break;
                case 's' or 'o':
                    var text = ReadText(bytes, ref at);
                    if (field == 3) message.Member = text;
                    else if (field == 4) message.ErrorName = text;
                    break;
                case 'g':
                    int length = bytes[at];
                    if (field == 8) message.Signature = Encoding.ASCII.GetString(bytes.Slice(at + 1, length));
                    at += length + 2;
                    break;
                default:
                    throw new InvalidDataException($"D-Bus: header field {field} of type {kind}");
            }
        }
        return message;
    }

    public static int Align(int at, int size) => (at + size - 1) / size * size;

    public static string ReadText(ReadOnlySpan<byte> bytes, ref int at)
    {
        at = Align(at, 4);
        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
        var text = Encoding.UTF8.GetString(bytes.Slice(at + 4, length));
        at += 4 + length + 1;
        return text;
    }

    /// <summary>The body's strings and object paths up to the first value of another type, u read over.</summary>
    public List<string> Texts()
    {
        var texts = new List<string>();
        int at = 0;
        foreach (char kind in Signature)
        {
            if (kind is 's' or 'o') texts.Add(ReadText(Body, ref at));
            else if (kind == 'u') at = Align(at, 4) + 4;
            else break;
        }
        return texts;
    }

    /// <summary>The string in a body that is one variant of a string.</summary>
    public string VariantText()
    {
        int at = 1 + Body[0] + 1;
        return ReadText(Body, ref at);
    }
}
