using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Wharf.Linux.Fds;

namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>
/// The log that callers read errors from: lines of text, or of JSON with level, msg and time. Without a file it goes to standard error,
/// with one an error is told there as well, in plain words.
/// </summary>
internal sealed class RuntimeLog : IDisposable
{
    private readonly Fd? _file;
    private readonly bool _json, _debug;

    public RuntimeLog(string? path, string format, bool debug)
    {
        (_json, _debug) = (format == "json", debug);
        if (path is { Length: > 0 } and not "/dev/stderr") _file = OpenAt.Open(path, O.WRONLY | O.CREAT | O.APPEND, 0b110_100_100);
        if (format is not ("text" or "json")) throw new InvalidOperationException($"invalid log-format: {format}");
    }

    public void Debug(string message)
    {
        if (_debug) Write("debug", message);
    }

    public void Warning(string message) => Write("warning", message);

    public void Error(string message)
    {
        Write("error", message);
        if (_file is not null) Streams.Error(message + "\n");
    }

    private void Write(string level, string message)
    {
        var time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var line = _json
            ? $"{{\"level\":\"{level}\",\"msg\":\"{JsonEncodedText.Encode(message, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\",\"time\":\"{time}\"}}\n"
            : $"time=\"{time}\" level={level} msg={Quoted(message)}\n";
        if (_file is not null) FileAt.WriteAll(_file.Value, Encoding.UTF8.GetBytes(line));
        else Streams.Error(line);
    }

    private static string Quoted(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "-._/@^+".Contains(c)) ? text
        : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n").Replace("\t", "\\t").Replace("\r", "\\r") + "\"";

    public void Dispose() => _file?.Dispose();
}

/// <summary>The standard streams, without the console's signal handlers and threads.</summary>
internal static class Streams
{
    public static void Out(string text) => FileAt.WriteAll(1, Encoding.UTF8.GetBytes(text));
    public static void Error(string text) => FileAt.WriteAll(2, Encoding.UTF8.GetBytes(text));
}
