using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf healthcheck run</c>: 0 when the check succeeds, 1 when it fails, 125 when there is none to run.</summary>
internal sealed class HealthRunCommand : Command
{
    private const int NotRun = 125;
    private readonly BoolFlag quiet;

    public HealthRunCommand() => quiet = Flags.Bool("quiet", 'q', "Do not print what the check wrote");

    public override string Usage => "[OPTIONS] CONTAINER";
    public override string Details => "The result counts as one of the container's own checks does: it is in the Health of inspect,\nand changes the status. Exits with 0 when the check succeeds, with 1 when it fails,\nand with 125 when the container does not run or has no check.";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        HealthcheckResult result;
        try
        {
            result = await cli.Api.PostAsync($"/wharf/containers/{Uri.EscapeDataString(arguments[0])}/healthcheck", DockerApiJson.Default.HealthcheckResult, cancellationToken);
        }
        catch (CliException e)
        {
            throw new CliException(e.Message, NotRun, e);
        }
        if (!quiet && result.Output is { Length: > 0 } output) await cli.Out.WriteAsync(output.EndsWith('\n') ? output : output + "\n");
        return result.ExitCode == 0 ? 0 : 1;
    }
}
