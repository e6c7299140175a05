using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Manifests;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>manifest</c>.</summary>
internal static class ManifestVerbs
{
    public static IReadOnlyList<CommandEntry> All { get; } =
    [
        Verb("annotate", "Say what an image of a list runs on", () => new AnnotateCommand()),
        Verb("create", "Put a manifest list together, to annotate and push", () => new CreateCommand()),
        Verb("inspect", "Show a manifest or a manifest list", () => new InspectCommand()),
        Verb("push", "Send a manifest list to its registry", () => new PushCommand()),
        Verb("rm", "Forget manifest lists that were put together here", () => new RemoveCommand()),
    ];
}
