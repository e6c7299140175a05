using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>A verb done to each container that is named, or with <c>--all</c> and <c>--filter</c> to each it can be done to.</summary>
internal abstract class ContainersCommand : EachCommand
{
    private BoolFlag? all;
    private ListFlag? filter;

    /// <summary>The states in which the verb makes sense: others are passed over when nobody named the container.</summary>
    protected abstract IReadOnlyList<string> States { get; }

    /// <summary>Adds the two flags. Where a shorthand has another meaning already it is left out.</summary>
    protected void AddSelection(char allShorthand = 'a', char filterShorthand = 'f', string? which = null)
    {
        all = Flags.Bool("all", allShorthand, $"Every container that is {which ?? Either(States)}");
        filter = Flags.AddFilter(filterShorthand, "Every such container that meets these conditions, as of ps");
    }

    protected bool IsSelecting => all is { Value: true } || filter is { Values.Count: > 0 };

    public override int MinArguments => IsSelecting ? 0 : 1;

    /// <summary>What has gone since it was looked for is no failure: nobody named it.</summary>
    protected override bool IsPassedOver(CliException error) => IsSelecting && error is ApiException { Status: 404 };

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!IsSelecting) return await base.RunAsync(cli, arguments, cancellationToken);
        if (arguments.Count > 0) throw new CliException($"{(all!.Value ? "--all" : "--filter")} takes no container names");
        var query = new Query().Add("all", true).AddFilters(filter!.Values);
        var containers = await cli.Api.GetAsync($"/containers/json{query}", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        return await base.RunAsync(cli, [.. containers.Where(container => States.Contains(container.State)).Select(ContainerNaming.Of)], cancellationToken);
    }

    private static string Either(IReadOnlyList<string> states) => states.Count == 1 ? states[0] : $"{string.Join(", ", states.SkipLast(1))} or {states[^1]}";
}
