using System.Text;
using Wharf.Engine.Archive;

namespace Wharf.Tests.Engine.Archive;

/// <summary>Builds archives no honest writer makes: headers field by field, with a right checksum unless told otherwise.</summary>
internal sealed class RawTar
{
    private readonly MemoryStream _bytes = new();

    public RawTar Add(string name, char type = '0', string content = "", string link = "", uint mode = 0x1a4, string? sizeField = null, string? uidField = null, string magic = "ustar\00000")
    {
        var data = Encoding.Latin1.GetBytes(content);
        return Add(block =>
        {
            Put(block, 0, name);
            Put(block, 100, Convert.ToString(mode, 8).PadLeft(7, '0'));
            Put(block, 108, uidField ?? "0000000");
            Put(block, 116, "0000000");
            Put(block, 124, sizeField ?? Convert.ToString(data.Length, 8).PadLeft(11, '0'));
            Put(block, 136, "07346545000");
            block[156] = (byte)type;
            Put(block, 157, link);
            Put(block, 257, magic);
        }, data);
    }

    public RawTar Add(Action<byte[]> fill, byte[] data)
    {
        var block = new byte[512];
        fill(block);
        TarHeader.Seal(block);
        _bytes.Write(block);
        return AddData(data);
    }

    public RawTar Pax(params (string Key, string Value)[] records)
    {
        var body = new List<byte>();
        foreach (var (key, value) in records) PaxRecords.Append(body, Encoding.Latin1.GetBytes(key), Encoding.Latin1.GetBytes(value));
        return Add("PaxHeaders/x", 'x', Encoding.Latin1.GetString([.. body]));
    }

    public RawTar AddData(byte[] data)
    {
        _bytes.Write(data);
        _bytes.Write(new byte[(512 - data.Length % 512) % 512]);
        return this;
    }

    public byte[] ToArray() => [.. _bytes.ToArray(), .. new byte[1024]];

    public byte[] WithoutEnd() => _bytes.ToArray();

    public static void Put(byte[] block, int at, string text) => Encoding.Latin1.GetBytes(text).CopyTo(block, at);
}
