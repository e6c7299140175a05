using System.Globalization;
using System.Text;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Cli.Output;

namespace Wharf.Cli.Building.Display;

/// <summary>
/// A picture that is drawn anew ten times a second: what is done, and what runs side by side with its time, its bytes and the last lines it wrote.
/// </summary>
internal sealed class TerminalDisplay : BuildDisplay
{
    private const int OutputLines = 6, DefaultColumns = 80, DefaultRows = 24;
    // Of the terminal: what goes on writes faintly, what is done is blue, what failed red.
    private const int Faint = 2, Red = 31, Blue = 34;
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    private readonly TextWriter output;
    private readonly Lock drawing = new();
    private readonly DateTimeOffset started = DateTimeOffset.UtcNow;
    private readonly Timer timer;
    private readonly bool isColored = Terminal.ShowsColors(2);
    private int drawn;
    private bool isOver;

    public TerminalDisplay(TextWriter output)
    {
        this.output = output;
        timer = new Timer(_ => Draw(isLast: false), null, Every, Every);
    }

    public override Task ShowAsync(StatusResponse news)
    {
        lock (drawing) Trace.Add(news);
        return Task.CompletedTask;
    }

    public override async Task EndAsync()
    {
        await timer.DisposeAsync();
        Draw(isLast: true);
        await WriteWarningsAsync(Trace, output);
    }

    private void Draw(bool isLast)
    {
        lock (drawing)
        {
            if (isOver) return;
            isOver = isLast;
            var (rows, columns) = Terminal.Size(2) ?? (DefaultRows, DefaultColumns);
            var lines = Lines(columns);
            // What does not fit is what is longest done.
            if (!isLast && lines.Count > rows - 2) lines = [lines[0], .. lines[^(rows - 3)..]];
            var text = new StringBuilder("\x1b[?25l");
            if (drawn > 0) text.Append(CultureInfo.InvariantCulture, $"\x1b[{drawn}A");
            foreach (var line in lines) text.Append("\x1b[2K").Append(line).Append("\r\n");
            text.Append("\x1b[J\x1b[?25h");
            output.Write(text.ToString());
            drawn = lines.Count;
        }
    }

    private List<string> Lines(int columns)
    {
        var shown = Trace.Steps.Where(static step => step.Started is not null).ToList();
        int done = shown.Count(static step => step.Completed is not null);
        var lines = new List<string> { Fit($"[+] Building {Seconds(DateTimeOffset.UtcNow - started)} ({done}/{Trace.Steps.Count})", "", columns) };
        foreach (var step in shown)
        {
            var name = (step.IsCached ? "CACHED " : step.Error.Length == 0 ? "" : step.IsCanceled ? "CANCELED " : "ERROR ") + step.Name;
            lines.Add(Colored(step.Completed is null ? null : step.Error.Length > 0 ? Red : Blue, Fit($" => {name}", Seconds(step.Elapsed), columns)));
            if (step.Completed is not null) continue;
            foreach (var part in step.Parts.Where(static part => part.Completed is null)) lines.Add(Fit($" => => {Text(part)}", Seconds(DateTimeOffset.UtcNow - part.Started.ToDateTimeOffset()), columns));
            foreach (var line in step.Output.Split('\n').Select(static line => line.TrimEnd('\r')).Where(static line => line.Length > 0).TakeLast(OutputLines)) lines.Add(Colored(Faint, Fit($" => => # {Printable(line)}", "", columns)));
        }
        return lines;
    }

    private string Colored(int? code, string line) => isColored && code is { } set ? string.Create(CultureInfo.InvariantCulture, $"\x1b[{set}m{line}\x1b[0m") : line;

    /// <summary>What a process writes may move the cursor: that is not for this picture.</summary>
    private static string Printable(string line) => string.Concat(line.Select(static c => char.IsControl(c) ? ' ' : c));

    private static string Fit(string left, string right, int columns)
    {
        int room = columns - right.Length - 2;
        if (left.Length > room) left = room > 3 ? left[..(room - 3)] + "..." : left[..Math.Max(0, room)];
        return left.PadRight(Math.Max(0, room + 1)) + right;
    }
}
