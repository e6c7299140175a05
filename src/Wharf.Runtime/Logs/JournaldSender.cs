using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>systemd's journal by its native protocol: one datagram of fields for each entry. Values with a line end or of raw bytes carry their length.</summary>
internal sealed class JournaldSender : ILogSender
{
    public const string Socket = "/run/systemd/journal/socket";

    private readonly LogConnection _connection;
    private readonly byte[] _fixed;
    private readonly string _epoch = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));
    private readonly ArrayBufferWriter<byte> _entry = new(1024);
    private ulong _ordinal;

    public JournaldSender(LogTarget target, string socket = Socket)
    {
        var source = target.Source ?? new LogSource();
        _connection = new LogConnection(new LogAddress("unixgram", socket, 0), null, TimeSpan.FromSeconds(30));
        var fields = new ArrayBufferWriter<byte>();
        void Fixed(string name, string value) => Field(fields, name, Encoding.UTF8.GetBytes(value));
        Fixed("CONTAINER_ID", source.ContainerId[..Math.Min(12, source.ContainerId.Length)]);
        Fixed("CONTAINER_ID_FULL", source.ContainerId);
        Fixed("CONTAINER_NAME", source.ContainerName);
        Fixed("CONTAINER_TAG", source.Tag);
        Fixed("IMAGE_NAME", source.ImageName);
        Fixed("SYSLOG_IDENTIFIER", source.Tag);
        foreach (var (key, value) in target.Attributes ?? []) if (key != "tag") Fixed(FieldName(key), value);
        _fixed = fields.WrittenSpan.ToArray();
    }

    /// <summary>The journal takes capital letters, digits and underscores, not beginning with an underscore or digit.</summary>
    internal static string FieldName(string key)
    {
        var name = string.Concat(key.Select(character => char.IsAsciiLetterOrDigit(character) ? char.ToUpperInvariant(character) : '_')).TrimStart('_');
        return name.Length == 0 || char.IsAsciiDigit(name[0]) ? "L_" + name : name;
    }

    public void Connect()
    {
        try { _connection.Open(); }
        catch (IOException error) { throw new IOException("journald is not enabled on this host", error); }
    }

    public void Send(LogLine line)
    {
        Format(line);
        if (!_connection.IsOpen) _connection.Open();
        _connection.Send(_entry.WrittenSpan);
    }

    internal ReadOnlyMemory<byte> Format(LogLine line)
    {
        _entry.ResetWrittenCount();
        _entry.Write(_fixed);
        void Text(string name, string value) => Field(_entry, name, Encoding.UTF8.GetBytes(value));
        Text("CONTAINER_LOG_EPOCH", _epoch);
        Text("CONTAINER_LOG_ORDINAL", (++_ordinal).ToString(CultureInfo.InvariantCulture));
        Text("SYSLOG_TIMESTAMP", line.Time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffff00", CultureInfo.InvariantCulture) + "Z");
        if (line.Part is { } part)
        {
            Text("CONTAINER_PARTIAL_MESSAGE", "true");
            Text("CONTAINER_PARTIAL_ID", part.Id);
            Text("CONTAINER_PARTIAL_ORDINAL", part.Ordinal.ToString(CultureInfo.InvariantCulture));
            Text("CONTAINER_PARTIAL_LAST", part.Last ? "true" : "false");
        }
        Text("PRIORITY", line.Stream == 0 ? "6" : "3");
        Field(_entry, "MESSAGE", line.Text);
        return _entry.WrittenMemory;
    }

    private static void Field(ArrayBufferWriter<byte> target, string name, ReadOnlySpan<byte> value)
    {
        target.Write(Encoding.ASCII.GetBytes(name));
        if (value.IndexOfAnyInRange((byte)0, (byte)31) < 0) target.Write("="u8);
        else
        {
            Span<byte> length = stackalloc byte[9];
            length[0] = (byte)'\n';
            BinaryPrimitives.WriteUInt64LittleEndian(length[1..], (ulong)value.Length);
            target.Write(length);
        }
        target.Write(value);
        target.Write("\n"u8);
    }

    public void Dispose() => _connection.Dispose();
}
