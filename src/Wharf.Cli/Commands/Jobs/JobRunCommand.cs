using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Jobs;

/// <summary><c>wharf job run</c>: waits for the end, and ends as the job did.</summary>
internal sealed class JobRunCommand : Command
{
    private const int CannotRun = 125;
    private readonly BoolFlag detach;

    public JobRunCommand() => detach = Flags.Bool("detach", 'd', "Do not wait for its end; print the run's number");

    public override string Usage => "[OPTIONS] JOB";
    public override string Details => "Prints the last lines the run wrote, and exits with its exit code.";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var path = $"/wharf/jobs/{Uri.EscapeDataString(arguments[0])}/runs";
        JobRun run;
        try
        {
            run = await cli.Api.PostAsync(path, WharfJson.Default.JobRun, cancellationToken);
        }
        catch (ApiException e)
        {
            throw new CliException(e.Message, CannotRun, e);
        }
        var number = run.Number.ToString(CultureInfo.InvariantCulture);
        if (detach)
        {
            await cli.Out.WriteLineAsync(number);
            return 0;
        }
        run = await cli.Api.PostAsync($"{path}/{number}/wait", WharfJson.Default.JobRun, cancellationToken);
        await cli.Out.WriteAsync(run.Log ?? "");
        if (run.Error is { Length: > 0 } error) await cli.Error.WriteLineAsync(error);
        return run.ExitCode ?? CannotRun;
    }
}
