using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Jobs;

/// <summary><c>wharf job ls</c>.</summary>
internal sealed class JobListCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag quiet;

    public JobListCommand()
    {
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only the names");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var jobs = await cli.Api.GetAsync("/wharf/jobs", WharfJson.Default.ListJob, cancellationToken);
        await cli.Out.WriteAsync(Table.Render(format.Value == "" ? "table" : format.Value, quiet, jobs));
        return 0;
    }

    private static Listing<Job> Table { get; } = new()
    {
        TypeName = "*formatter.jobContext",
        TableFormat = "{{.Name}}\t{{.Image}}\t{{.Schedule}}\t{{.NextRun}}\t{{.LastRun}}\t{{.LastResult}}",
        QuietFormat = "{{.Name}}",
        Columns =
        [
            new("Name", "NAME", job => job.Name), new("Image", "IMAGE", job => job.Container?.Image ?? ""), new("Schedule", "SCHEDULE", job => job.Schedule),
            new("TimeZone", "TIME ZONE", job => job.TimeZone), new("CatchUp", "CATCH UP", job => job.CatchUp ? "true" : "false"),
            new("NextRun", "NEXT RUN", job => job.NextRun is { } next ? next.LocalDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) : ""),
            new("LastRun", "LAST RUN", job => job.LastRun is { } run ? Ago.Since(run.Started, DateTimeOffset.UtcNow) : ""),
            new("LastResult", "LAST RESULT", job => job.LastRun is { } run ? JobHistoryCommand.ResultOf(run) : ""),
        ],
    };
}
