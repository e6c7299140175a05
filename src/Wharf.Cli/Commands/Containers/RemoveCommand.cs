using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag all, force, link, volumes;

    public RemoveCommand()
    {
        all = Flags.Bool("all", "Every container; running ones only with --force");
        force = Flags.Bool("force", 'f', "Kill the container first if it runs");
        link = Flags.Bool("link", 'l', "Remove the link, not the container");
        volumes = Flags.Bool("volumes", 'v', "Also remove its anonymous volumes");
    }

    /// <summary>With <c>--force</c> the wish is that it be gone; it is.</summary>
    protected override bool IsFailure(CliException error) => !(force && error is ApiException { Status: 404 });

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";
    public override int MinArguments => all ? 0 : 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!all) return await base.RunAsync(cli, arguments, cancellationToken);
        if (arguments.Count > 0) throw new CliException("--all takes no container names");
        var containers = await cli.Api.GetAsync("/containers/json?all=1", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        return await base.RunAsync(cli, [.. containers.Where(container => force || container.State is not ("running" or "paused" or "restarting")).Select(container => container.Names is [var name, ..] ? name.TrimStart('/') : container.Id!)], cancellationToken);
    }

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        // Docker takes a leading slash as part of how inspect shows names.
        var id = name.Trim('/');
        if (id == "") throw new CliException("Container name cannot be empty");
        await cli.Api.DeleteAsync($"/containers/{Uri.EscapeDataString(id)}{new Query().Add("v", volumes).Add("link", link).Add("force", force)}", cancellationToken);
        return name;
    }
}
