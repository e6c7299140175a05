using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Jobs;

/// <summary><c>wharf job history</c>: the newest run first.</summary>
internal sealed class JobHistoryCommand : Command
{
    private readonly StringFlag format;
    private readonly IntFlag logs;
    private readonly BoolFlag quiet;

    public JobHistoryCommand()
    {
        format = Flags.AddFormat();
        logs = Flags.Int("logs", "Print the last lines that this run wrote, not the list");
        quiet = Flags.Bool("quiet", 'q', "Only the numbers");
    }

    public override string Usage => "[OPTIONS] JOB";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var runs = await cli.Api.GetAsync($"/wharf/jobs/{Uri.EscapeDataString(arguments[0])}/runs", WharfJson.Default.ListJobRun, cancellationToken);
        if (logs.Changed)
        {
            var run = runs.Find(run => run.Number == logs.Value) ?? throw new CliException(string.Create(CultureInfo.InvariantCulture, $"job {arguments[0]} has no run {logs.Value}"));
            await cli.Out.WriteAsync(run.Log ?? "");
            return 0;
        }
        await cli.Out.WriteAsync(Table.Render(format.Value == "" ? "table" : format.Value, quiet, runs));
        return 0;
    }

    /// <summary>How a run went, in a word or its error.</summary>
    public static string ResultOf(JobRun run) => run switch
    {
        { Finished: null } => "running",
        { ExitCode: { } code, Error: null or "" } => string.Create(CultureInfo.InvariantCulture, $"exit code {code}"),
        { ExitCode: { } code } => string.Create(CultureInfo.InvariantCulture, $"exit code {code}: {run.Error}"),
        _ => run.Error ?? "",
    };

    private static Listing<JobRun> Table { get; } = new()
    {
        TypeName = "*formatter.jobRunContext",
        TableFormat = "{{.Number}}\t{{.Trigger}}\t{{.Started}}\t{{.Duration}}\t{{.Result}}",
        QuietFormat = "{{.Number}}",
        Columns =
        [
            new("Number", "RUN", run => run.Number.ToString(CultureInfo.InvariantCulture)), new("Trigger", "TRIGGER", run => run.Trigger), new("Container", "CONTAINER", run => run.Container),
            new("Started", "STARTED", run => run.Started.LocalDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)),
            new("Duration", "DURATION", run => run.Finished is { } finished ? Units.HumanDuration(finished - run.Started) : ""),
            new("ExitCode", "EXIT CODE", run => run.ExitCode?.ToString(CultureInfo.InvariantCulture) ?? ""), new("Error", "ERROR", run => run.Error ?? ""),
            new("Result", "RESULT", ResultOf), new("Log", "LOG", run => run.Log ?? ""),
        ],
    };
}
