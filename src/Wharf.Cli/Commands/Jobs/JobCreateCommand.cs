using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Commands.Images;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Jobs;

/// <summary><c>wharf job create</c>: with the options of run.</summary>
internal sealed class JobCreateCommand : Command
{
    private readonly ContainerFlags container;
    private readonly StringFlag schedule, timeZone, pull;
    private readonly BoolFlag catchUp;

    public JobCreateCommand()
    {
        container = new ContainerFlags(Flags);
        catchUp = Flags.Bool("catch-up", "Run once at the daemon's start when a time was missed meanwhile");
        pull = PullPolicy.Add(Flags);
        schedule = Flags.String("schedule", "When to run: a cron expression (\"30 4 * * *\", with seconds in front if of six fields), or @hourly, @daily, @weekly, @monthly");
        timeZone = Flags.String("timezone", "Time zone of the schedule (Europe/Berlin) in place of the daemon's");
    }

    public override string Usage => "[OPTIONS] --name NAME IMAGE [COMMAND] [ARG...]";
    public override string Details => """
        Takes the options of run. Each run is a container of its own, which is removed when it has ended; its exit
        code, its times and the last lines it wrote are kept. A job without a schedule is run by hand. A run whose
        time comes while the one before goes on is skipped.
        """;
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (container.Name == "") throw new CliException("a job needs a --name", 125);
        PullPolicy.Check(pull.Value);
        var request = container.Build(arguments, cli.Api.Host.SocketPath ?? "");
        // Nobody is there to type when the time comes.
        (request.AttachStdin, request.AttachStdout, request.AttachStderr, request.StdinOnce) = (false, false, false, false);
        await PullPolicy.ApplyAsync(cli, pull.Value, arguments[0], "", cli.Error, 2, cancellationToken);
        var body = new JobCreateRequest { Name = container.Name, Schedule = schedule.Value, TimeZone = timeZone.Value, CatchUp = catchUp, Container = request };
        var job = await cli.Api.PostAsync("/wharf/jobs", body, WharfJson.Default.JobCreateRequest, WharfJson.Default.Job, cancellationToken);
        await cli.Out.WriteLineAsync(job.Name);
        return 0;
    }
}
