using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Output;

/// <summary>Shows the messages of pull, push, load and build: a line per layer kept up to date on a terminal, plain lines elsewhere.</summary>
internal sealed class ProgressDisplay(TextWriter output, bool isTerminal, int columns)
{
    private readonly Dictionary<string, int> lines = [];

    /// <summary>Called with each <c>aux</c> value, e.g. the ID of a built image.</summary>
    public Action<JsonElement>? OnAux { get; init; }

    /// <summary>Called with each piece of text that a build says.</summary>
    public Action<string>? OnText { get; init; }

    public static ProgressDisplay For(CliContext cli, TextWriter output, int descriptor, Action<JsonElement>? onAux = null, Action<string>? onText = null)
        => new(output, Terminal.IsTerminal(descriptor), Terminal.Size(descriptor)?.Columns ?? 200) { OnAux = onAux, OnText = onText };

    /// <summary>Shows until the stream ends; an error in it becomes a <see cref="CliException"/>.</summary>
    public async Task RunAsync(Stream stream, CancellationToken cancellationToken)
    {
        await foreach (var message in JsonStream.ReadAsync(stream, cancellationToken))
        {
            if (message.ValueKind != JsonValueKind.Object) throw new IOException("the daemon sent a progress message that is not an object");
            if (message.TryGetProperty("aux", out var aux))
            {
                OnAux?.Invoke(aux);
                continue;
            }
            if (OnText is not null && Text(message, "stream") is { Length: > 0 } text) OnText(text);
            Show(message);
        }
    }

    private void Show(JsonElement message)
    {
        var id = Text(message, "id");
        var hasDetail = message.TryGetProperty("progressDetail", out var detail) && detail.ValueKind == JsonValueKind.Object;
        var bar = hasDetail ? Bar(detail) : Text(message, "progress");
        if (id == "" || (!hasDetail && bar == ""))
        {
            lines.Clear();
            Write(message, id, bar, hasDetail);
            return;
        }
        if (!lines.TryGetValue(id, out var line))
        {
            lines[id] = line = lines.Count;
            if (isTerminal) output.Write('\n');
        }
        var up = lines.Count - line;
        if (isTerminal) output.Write(string.Create(CultureInfo.InvariantCulture, $"\x1b[{up}A"));
        Write(message, id, bar, hasDetail);
        if (isTerminal) output.Write(string.Create(CultureInfo.InvariantCulture, $"\x1b[{up}B"));
    }

    private void Write(JsonElement message, string id, string bar, bool hasDetail)
    {
        if (Error(message) is { } error) throw error;
        var stream = Text(message, "stream");
        var text = new StringBuilder();
        var end = "";
        if (isTerminal && stream == "" && hasDetail)
        {
            text.Append("\x1b[2K\r");
            end = "\r";
        }
        else if (hasDetail && bar != "")
        {
            // Elsewhere than on a terminal every step of a bar would be a line.
            return;
        }
        if (id != "") text.Append(id).Append(": ");
        if (Text(message, "from") is { Length: > 0 } from) text.Append("(from ").Append(from).Append(") ");
        var status = Text(message, "status");
        if (hasDetail && isTerminal) text.Append(status).Append(' ').Append(bar).Append(end);
        else if (bar != "") text.Append(status).Append(' ').Append(bar).Append(end);
        else if (stream != "") text.Append(stream).Append(end);
        else text.Append(status).Append(end).Append('\n');
        output.Write(text.ToString());
    }

    private static CliException? Error(JsonElement message)
    {
        var text = Text(message, "error");
        var code = 1;
        if (message.TryGetProperty("errorDetail", out var detail) && detail.ValueKind == JsonValueKind.Object)
        {
            if (Text(detail, "message") is { Length: > 0 } said) text = said;
            if (detail.TryGetProperty("code", out var number) && number.TryGetInt32(out var value) && value != 0) code = value;
        }
        return text == "" ? null : new CliException(text, code);
    }

    private static string Text(JsonElement element, string name)
        => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";

    private static long Number(JsonElement element, string name)
        => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;

    /// <summary><c>[=====>     ]  1.2MB/3.4MB</c>, or the number alone when the total is not known.</summary>
    private string Bar(JsonElement detail)
    {
        long current = Number(detail, "current"), total = Number(detail, "total");
        if (current <= 0 && total <= 0) return "";
        var units = Text(detail, "units");
        if (total <= 0) return units == "" ? $"{Units.HumanSize(current),8}" : $"{current} {units}";
        var text = new StringBuilder();
        if (columns > 110)
        {
            var filled = (int)Math.Min(50, current * 50.0 / total);
            text.Append('[').Append('=', filled).Append('>').Append(' ', 50 - filled).Append("] ");
        }
        var hides = detail.TryGetProperty("hidecounts", out var hide) && hide.ValueKind == JsonValueKind.True;
        if (hides) return text.ToString();
        if (units != "") return text.Append(CultureInfo.InvariantCulture, $"{current}/{total} {units}").ToString();
        text.Append($"{Units.HumanSize(current),8}");
        if (current <= total) text.Append('/').Append(Units.HumanSize(total));
        return text.ToString();
    }
}
