using System.Globalization;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Building.Display;

/// <summary>Shows a build while it goes on, on the error stream: the output is for results.</summary>
internal abstract class BuildDisplay
{
    public BuildTrace Trace { get; } = new();

    /// <summary>Shows news of the builder.</summary>
    public abstract Task ShowAsync(StatusResponse news);

    /// <summary>Nothing more comes.</summary>
    public virtual Task EndAsync() => Task.CompletedTask;

    /// <summary>The display that <c>--progress</c> or the terminal asks for.</summary>
    public static BuildDisplay For(CliContext cli, string kind) => kind switch
    {
        "plain" => new PlainDisplay(cli.Error),
        "json" or "rawjson" => new JsonDisplay(cli.Error),
        "quiet" or "none" => new QuietDisplay(),
        "tty" => Terminal.IsTerminal(2) ? new TerminalDisplay(cli.Error) : throw new CliException("failed to get console: provided file is not a console"),
        "auto" => Terminal.IsTerminal(2) ? new TerminalDisplay(cli.Error) : new PlainDisplay(cli.Error),
        _ => throw new CliException($"invalid progress mode {kind}"),
    };

    public static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) + "s";

    /// <summary>A piece of work with its bytes, as far as it is.</summary>
    public static string Text(VertexStatus part)
    {
        var text = part.Name.Length > 0 ? part.Name : part.Id;
        if (part.Total > 0) text += $" {Units.HumanSize(part.Current)} / {Units.HumanSize(part.Total)}";
        else if (part.Current > 0) text += $" {Units.HumanSize(part.Current)}";
        return text;
    }

    /// <summary>The lint warnings, when all is done.</summary>
    protected static async Task WriteWarningsAsync(BuildTrace trace, TextWriter output)
    {
        if (trace.Warnings.Count == 0) return;
        await output.WriteLineAsync($"\n {trace.Warnings.Count} warning{(trace.Warnings.Count == 1 ? "" : "s")} found (use --check to show all):");
        foreach (var warning in trace.Warnings) await output.WriteLineAsync($" - {warning.Short.ToStringUtf8()}");
    }
}

/// <summary>Shows nothing.</summary>
internal sealed class QuietDisplay : BuildDisplay
{
    public override Task ShowAsync(StatusResponse news)
    {
        Trace.Add(news);
        return Task.CompletedTask;
    }
}
