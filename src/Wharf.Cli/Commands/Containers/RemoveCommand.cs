using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf rm</c>.</summary>
internal sealed class RemoveCommand : ContainersCommand
{
    private readonly BoolFlag force, ignore, link, volumes;

    public RemoveCommand()
    {
        AddSelection(filterShorthand: '\0', which: "stopped; running ones only with --force");
        force = Flags.Bool("force", 'f', "Kill the container first if it runs");
        ignore = Flags.Bool("ignore", 'i', "A container that is not there is no error");
        link = Flags.Bool("link", 'l', "Remove the link, not the container");
        volumes = Flags.Bool("volumes", 'v', "Also remove its anonymous volumes");
    }

    /// <summary>Running ones only with <c>--force</c>.</summary>
    protected override IReadOnlyList<string> States => force is { Value: true } ? ["created", "exited", "dead", "running", "paused", "restarting"] : ["created", "exited", "dead"];

    protected override bool IsPassedOver(CliException error) => base.IsPassedOver(error) || (ignore && error is ApiException { Status: 404 });

    /// <summary>With <c>--force</c> the wish is that it be gone; it is.</summary>
    protected override bool IsFailure(CliException error) => !(force && error is ApiException { Status: 404 });

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        // Docker takes a leading slash as part of how inspect shows names.
        var id = name.Trim('/');
        if (id == "") throw new CliException("Container name cannot be empty");
        await cli.Api.DeleteAsync($"/containers/{Uri.EscapeDataString(id)}{new Query().Add("v", volumes).Add("link", link).Add("force", force)}", cancellationToken);
        return name;
    }
}
