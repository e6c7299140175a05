using System.Globalization;
using System.Text;
using Wharf.BuildKit.Protocol.Controls;

namespace Wharf.Cli.Building.Display;

/// <summary>Lines that only follow one another: <c>#5 [2/3] RUN make</c>, <c>#5 0.123 output</c>, <c>#5 DONE 0.4s</c>.</summary>
internal sealed class PlainDisplay(TextWriter output) : BuildDisplay
{
    private readonly HashSet<TracedStep> headed = [];
    private readonly HashSet<TracedStep> ended = [];
    private readonly HashSet<string> doneParts = new(StringComparer.Ordinal);
    private readonly Dictionary<TracedStep, StringBuilder> lines = [];
    private TracedStep? last;

    public override async Task ShowAsync(StatusResponse news)
    {
        var changed = Trace.Add(news);
        foreach (var log in news.Logs) Log(Trace.Of(log.Vertex), log);
        foreach (var step in changed.Where(static step => step.Started is not null).OrderBy(static step => step.Number)) await StepAsync(step);
    }

    private void Log(TracedStep step, VertexLog log)
    {
        if (!lines.TryGetValue(step, out var pending)) lines[step] = pending = new StringBuilder();
        var at = (log.Timestamp.ToDateTimeOffset() - (step.Started ?? log.Timestamp.ToDateTimeOffset())).TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture);
        foreach (var piece in Pieces(log.Msg.ToStringUtf8()))
        {
            if (pending.Length == 0 || pending[^1] == '\n') pending.Append(CultureInfo.InvariantCulture, $"#{step.Number} {at} ");
            pending.Append(piece);
        }
    }

    /// <summary>A text in lines, each with its end if it has one.</summary>
    private static IEnumerable<string> Pieces(string text)
    {
        for (int from = 0; from < text.Length;)
        {
            int end = text.IndexOf('\n', from);
            end = end < 0 ? text.Length : end + 1;
            yield return text[from..end];
            from = end;
        }
    }

    private async Task StepAsync(TracedStep step)
    {
        var text = new StringBuilder();
        foreach (var part in step.Parts)
            if (part.Completed is not null && doneParts.Add($"{step.Number} {part.Id}")) text.Append(CultureInfo.InvariantCulture, $"#{step.Number} {Text(part)} {Seconds(part.Completed.ToDateTimeOffset() - part.Started.ToDateTimeOffset())} done\n");
        bool isEnd = step.Completed is not null && ended.Add(step);
        Take(step, text, isEnd);
        if (isEnd)
        {
            var end = step.Error.Length == 0 ? step.IsCached ? "CACHED" : $"DONE {Seconds(step.Elapsed)}" : step.IsCanceled ? "CANCELED" : $"ERROR: {step.Error}";
            text.Append(CultureInfo.InvariantCulture, $"#{step.Number} {end}\n");
        }
        if (text.Length == 0 && headed.Contains(step)) return;
        if (last != step)
        {
            await output.WriteAsync($"{(last is null ? "" : "\n")}#{step.Number} {step.Name}\n");
            headed.Add(step);
            last = step;
        }
        await output.WriteAsync(text.ToString());
    }

    /// <summary>Takes the whole lines that wait, at the end of a step also the one that has none.</summary>
    private void Take(TracedStep step, StringBuilder text, bool isEnd)
    {
        if (!lines.TryGetValue(step, out var pending) || pending.Length == 0) return;
        var waiting = pending.ToString();
        int whole = isEnd ? waiting.Length : waiting.LastIndexOf('\n') + 1;
        text.Append(waiting, 0, whole);
        if (isEnd && !waiting.EndsWith('\n')) text.Append('\n');
        pending.Remove(0, whole);
    }

    public override Task EndAsync() => WriteWarningsAsync(Trace, output);
}
