using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Networks;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>network</c>.</summary>
internal static class NetworkVerbs
{
    public static IReadOnlyList<CommandEntry> All { get; } =
    [
        Verb("connect", "Connect a container to a network", () => new ConnectCommand()),
        Verb("create", "Create a network", () => new CreateCommand()),
        Verb("disconnect", "Disconnect a container from a network", () => new DisconnectCommand()),
        Verb("explain", "Tell who can reach a container or its port, and through which rule", () => new ExplainCommand()),
        Verb("inspect", "Show all there is to know of networks", () => new InspectCommand()),
        Verb("ls", "List networks", () => new ListCommand(), "network ls", "network list").As("ls", ["list"]),
        Verb("prune", "Remove unused networks", () => new PruneCommand()),
        Verb("rm", "Remove networks", () => new RemoveCommand(), "network rm", "network remove").As("rm", ["remove"]),
    ];
}
