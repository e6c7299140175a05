using Wharf.Cli.CommandLine;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Pods;

/// <summary>The verbs of <c>pod</c>.</summary>
internal static class PodVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("create", "Create a pod", () => new PodCreateCommand()),
        Verb("inspect", "Show all there is to know of pods", () => new PodInspectCommand()),
        Verb("ls", "List pods", () => new PodListCommand(), "pod ls", "pod list", "pod ps").As("ls", ["list", "ps"]),
        Verb("rm", "Remove pods with their containers", () => new PodRemoveCommand(), "pod rm", "pod remove").As("rm", ["remove"]),
        Verb("start", "Start the containers of pods", () => new PodStartCommand()),
        Verb("stop", "Stop the containers of pods", () => new PodStopCommand()),
    ];
}
