using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Jobs;

/// <summary><c>wharf job inspect</c>.</summary>
internal sealed class JobInspectCommand : Command
{
    private readonly StringFlag format;

    public JobInspectCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS] JOB [JOB...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"/wharf/jobs/{Uri.EscapeDataString(name)}", cancellationToken));
}

/// <summary><c>wharf job rm</c>.</summary>
internal sealed class JobRemoveCommand : EachCommand
{
    private readonly BoolFlag force;

    public JobRemoveCommand() => force = Flags.Bool("force", 'f', "End a run that goes on");

    public override string Usage => "[OPTIONS] JOB [JOB...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.DeleteAsync($"/wharf/jobs/{Uri.EscapeDataString(name)}{new ApiClient.Query().Add("force", force)}", cancellationToken);
        return name;
    }
}
