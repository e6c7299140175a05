using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Wharf.Daemon.Hosting;

/// <summary>The daemon's log for people, in the form of dockerd's: <c>time="…" level=info msg="…"</c>.</summary>
internal sealed class LogLine() : ConsoleFormatter("text")
{
    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter output)
    {
        var text = new StringBuilder("time=\"").Append(DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff00'Z'", CultureInfo.InvariantCulture)).Append("\" level=").Append(Word(entry.LogLevel)).Append(" msg=");
        Quote(text, entry.Formatter(entry.State, entry.Exception));
        if (entry.Exception is { } error)
        {
            text.Append(" error=");
            // What came unexpected is worth its stack trace.
            Quote(text, error is Specs.Errors.WharfException ? error.Message : error.ToString());
        }
        output.Write(text.Append('\n').ToString());
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace", LogLevel.Debug => "debug", LogLevel.Information => "info", LogLevel.Warning => "warning", LogLevel.Error => "error", _ => "fatal",
    };

    private static void Quote(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            if (c is '"' or '\\') text.Append('\\').Append(c);
            else if (c == '\n') text.Append("\\n");
            else if (char.IsControl(c)) text.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            else text.Append(c);
        }
        text.Append('"');
    }
}
