using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Volumes;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>volume</c>.</summary>
internal static class VolumeVerbs
{
    public static IReadOnlyList<CommandEntry> All { get; } =
    [
        Verb("cp", "Copy a volume to a new one", () => new CopyCommand("copy")),
        Verb("create", "Create a volume", () => new CreateCommand()),
        Verb("export", "Save a volume's content as a tar", () => new ExportCommand()),
        Verb("import", "Add a tar's content to a volume", () => new ImportCommand()),
        Verb("inspect", "Show all there is to know of volumes", () => new InspectCommand()),
        Verb("ls", "List volumes", () => new ListCommand(), "volume ls", "volume list").As("ls", ["list"]),
        Verb("mv", "Rename a volume", () => new CopyCommand("rename")),
        Verb("prune", "Remove unused volumes", () => new PruneCommand()),
        Verb("rm", "Remove volumes", () => new RemoveCommand(), "volume rm", "volume remove").As("rm", ["remove"]),
        Verb("snapshot", "Copy a volume as it is now", () => new SnapshotCommand()),
        Verb("update", "Change a cluster volume", () => new UpdateCommand()),
    ];
}
