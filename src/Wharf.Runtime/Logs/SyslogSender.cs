using System.Globalization;
using System.Text;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>syslog in the formats docker knows: the traditional one, RFC 3164, and RFC 5424 with seconds or microseconds; with RFC 5425's counted frames over TLS.</summary>
internal sealed class SyslogSender : ILogSender
{
    private const int Error = 3, Information = 6, Daemon = 3;
    private static readonly string[] Facilities =
        ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

    private readonly LogConnection _connection;
    private readonly LogSource _source;
    private readonly string _format;
    private readonly int _facility;

    public SyslogSender(LogTarget target)
    {
        var options = target.Options ?? [];
        _source = target.Source ?? new LogSource();
        _format = options.GetValueOrDefault("syslog-format") ?? "";
        _facility = Facility(options.GetValueOrDefault("syslog-facility"));
        var address = options.GetValueOrDefault("syslog-address") is { Length: > 0 } given ? LogAddress.Parse(given, 514) : new LogAddress("unixgram", "/dev/log", 0);
        // A local syslogd serves datagrams, though its address is written unix://.
        if (address.Scheme == "unix") address = address with { Scheme = "unixgram" };
        var tls = address.Scheme == "tcp+tls"
            ? new LogTls(options.GetValueOrDefault("syslog-tls-ca-cert"), options.GetValueOrDefault("syslog-tls-cert"), options.GetValueOrDefault("syslog-tls-key"), options.ContainsKey("syslog-tls-skip-verify")) : null;
        _connection = new LogConnection(address, tls, TimeSpan.FromSeconds(30));
    }

    private static int Facility(string? text) => string.IsNullOrEmpty(text) ? Daemon : int.TryParse(text, CultureInfo.InvariantCulture, out int number) ? number : Math.Max(0, Array.IndexOf(Facilities, text));

    public void Connect()
    {
        try { _connection.Open(); }
        catch (IOException error) when (_connection.Address.Scheme == "unixgram") { throw new IOException("Unix syslog delivery error", error); }
    }

    public void Send(LogLine line)
    {
        var message = Format(line);
        try
        {
            if (!_connection.IsOpen) _connection.Open();
            _connection.Send(message);
        }
        catch (IOException)
        {
            _connection.Open();
            _connection.Send(message);
        }
    }

    internal byte[] Format(LogLine line)
    {
        int priority = _facility * 8 + (line.Stream == 0 ? Information : Error);
        var time = line.Time.ToLocalTime();
        int pid = Environment.ProcessId;
        var head = _format switch
        {
            "rfc5424" => $"<{priority}>1 {Rfc3339(time, "")} {_source.Hostname} {_source.Tag} {pid} {_source.Tag} - ",
            "rfc5424micro" => $"<{priority}>1 {Rfc3339(time, ".ffffff")} {_source.Hostname} {_source.Tag} {pid} {_source.Tag} - ",
            "rfc3164" => $"<{priority}>{Stamp(time)} {_source.Hostname} {_source.Tag}[{pid}]: ",
            _ => $"<{priority}>{Stamp(time)} {_source.Tag}[{pid}]: ",
        };
        byte[] message = [.. Encoding.UTF8.GetBytes(head), .. line.Text];
        bool counted = _connection.Address.Scheme == "tcp+tls" && _format.StartsWith("rfc5424", StringComparison.Ordinal);
        if (message[^1] != '\n') message = [.. message, (byte)'\n'];
        return counted ? [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{message.Length} ")), .. message] : message;
    }

    private static string Rfc3339(DateTimeOffset time, string fraction) =>
        time.ToString("yyyy-MM-ddTHH:mm:ss" + fraction, CultureInfo.InvariantCulture) + (time.Offset == TimeSpan.Zero ? "Z" : time.ToString("zzz", CultureInfo.InvariantCulture));

    private static string Stamp(DateTimeOffset time) => time.ToString("MMM ", CultureInfo.InvariantCulture) + time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + time.ToString(" HH:mm:ss", CultureInfo.InvariantCulture);

    public void Dispose() => _connection.Dispose();
}
