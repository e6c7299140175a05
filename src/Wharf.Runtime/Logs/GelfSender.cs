using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>GELF 1.1: over UDP compressed and in chunks of 1,420 bytes, over TCP plain with a NUL byte behind each message.</summary>
internal sealed class GelfSender : ILogSender
{
    private const int Chunk = 1420, ChunkHead = 12, MostChunks = 128;

    private readonly LogConnection _connection;
    private readonly LogSource _source;
    private readonly Dictionary<string, string> _extra;
    private readonly string _compression;
    private readonly CompressionLevel _level;
    private readonly int _mostReconnects;
    private readonly TimeSpan _reconnectDelay;
    private readonly ArrayBufferWriter<byte> _json = new(1024);

    public GelfSender(LogTarget target)
    {
        var options = target.Options ?? [];
        (_source, _extra) = (target.Source ?? new LogSource(), target.Attributes ?? []);
        _connection = new LogConnection(LogAddress.Parse(options.GetValueOrDefault("gelf-address") ?? "", 12201), null, TimeSpan.FromSeconds(30));
        _compression = options.GetValueOrDefault("gelf-compression-type") is { Length: > 0 } type ? type : "gzip";
        _level = Number(options, "gelf-compression-level", 1) switch { 0 => CompressionLevel.NoCompression, >= 7 => CompressionLevel.SmallestSize, >= 4 => CompressionLevel.Optimal, _ => CompressionLevel.Fastest };
        _mostReconnects = Number(options, "gelf-tcp-max-reconnect", 3);
        _reconnectDelay = TimeSpan.FromSeconds(Number(options, "gelf-tcp-reconnect-delay", 1));
    }

    private static int Number(Dictionary<string, string> options, string name, int otherwise) =>
        options.TryGetValue(name, out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out int value) ? value : otherwise;

    public void Connect() => _connection.Open();

    public void Send(LogLine line)
    {
        if (line.Text.Length == 0) return; // a message without text is no GELF message
        Format(line);
        if (_connection.Address.Scheme == "udp") SendDatagrams(Compress(_json.WrittenSpan));
        else SendStream([.. _json.WrittenSpan, 0]);
    }

    internal ReadOnlyMemory<byte> Format(LogLine line)
    {
        _json.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(_json);
        writer.WriteStartObject();
        writer.WriteString("version"u8, "1.1"u8);
        writer.WriteString("host"u8, _source.Hostname);
        writer.WriteString("short_message"u8, Encoding.UTF8.GetString(line.Text));
        writer.WritePropertyName("timestamp"u8);
        writer.WriteRawValue(((line.Time - DateTimeOffset.UnixEpoch).TotalMilliseconds / 1000).ToString("0.000", CultureInfo.InvariantCulture));
        writer.WriteNumber("level"u8, line.Stream == 0 ? 6 : 3);
        writer.WriteString("_command"u8, _source.Command);
        writer.WriteString("_container_id"u8, _source.ContainerId);
        writer.WriteString("_container_name"u8, _source.ContainerName);
        writer.WriteString("_created"u8, _source.Created.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z");
        writer.WriteString("_image_id"u8, _source.ImageId);
        writer.WriteString("_image_name"u8, _source.ImageName);
        writer.WriteString("_tag"u8, _source.Tag);
        foreach (var (key, value) in _extra) if (key != "tag") writer.WriteString("_" + key, value);
        writer.WriteEndObject();
        writer.Flush();
        return _json.WrittenMemory;
    }

    private byte[] Compress(ReadOnlySpan<byte> message)
    {
        if (_compression == "none") return message.ToArray();
        using var target = new MemoryStream();
        using (Stream stream = _compression == "zlib" ? new ZLibStream(target, _level, leaveOpen: true) : new GZipStream(target, _level, leaveOpen: true)) stream.Write(message);
        return target.ToArray();
    }

    private void SendDatagrams(byte[] message)
    {
        if (!_connection.IsOpen) _connection.Open();
        if (message.Length <= Chunk)
        {
            _connection.Send(message);
            return;
        }
        int size = Chunk - ChunkHead, count = (message.Length + size - 1) / size;
        if (count > MostChunks) throw new IOException($"a message of {message.Length} bytes is too large for GELF over UDP");
        var datagram = new byte[Chunk];
        (datagram[0], datagram[1]) = (0x1e, 0x0f);
        RandomNumberGenerator.Fill(datagram.AsSpan(2, 8));
        datagram[11] = (byte)count;
        for (int i = 0; i < count; i++)
        {
            datagram[10] = (byte)i;
            int length = Math.Min(size, message.Length - i * size);
            message.AsSpan(i * size, length).CopyTo(datagram.AsSpan(ChunkHead));
            _connection.Send(datagram.AsSpan(0, ChunkHead + length));
        }
    }

    private void SendStream(byte[] message)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (!_connection.IsOpen) _connection.Open();
                _connection.Send(message);
                return;
            }
            catch (IOException) when (attempt < _mostReconnects)
            {
                Thread.Sleep(_reconnectDelay);
            }
        }
    }

    public void Dispose() => _connection.Dispose();
}
