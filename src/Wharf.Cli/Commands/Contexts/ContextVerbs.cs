using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Contexts;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>context</c>.</summary>
internal static class ContextVerbs
{
    public static IReadOnlyList<CommandEntry> All { get; } =
    [
        Verb("create", "Create a context", () => new CreateCommand()),
        Verb("export", "Write a context to a tar archive or stdout", () => new ExportCommand()),
        Verb("import", "Read a context from a tar or zip archive", () => new ImportCommand()),
        Verb("inspect", "Show all there is to know of contexts", () => new InspectCommand()),
        Verb("ls", "List contexts", () => new ListCommand(), "context ls", "context list").As("ls", ["list"]),
        Verb("rm", "Remove contexts", () => new RemoveCommand(), "context rm", "context remove").As("rm", ["remove"]),
        Verb("show", "Print the name of the current context", () => new ShowCommand()),
        Verb("update", "Change a context", () => new UpdateCommand()),
        Verb("use", "Make a context the current one", () => new UseCommand()),
    ];
}
