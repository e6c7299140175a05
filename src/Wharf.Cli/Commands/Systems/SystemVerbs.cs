using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Systems;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>system</c>.</summary>
internal static class SystemVerbs
{
    public static readonly CommandEntry Check = Verb("check", "Read all images' content again and tell what is damaged", () => new CheckCommand());
    public static readonly CommandEntry DiskUsage = Verb("df", "Show what takes disk space", () => new DiskUsageCommand());
    public static readonly CommandEntry Events = Verb("events", "Show what happens, as it does", () => new EventsCommand(), "system events", "events");
    public static readonly CommandEntry Info = Verb("info", "Show what the daemon is and runs on", () => new InfoCommand(), "system info", "info");
    public static readonly CommandEntry PruneAll = Verb("prune", "Remove what is unused", () => new PruneCommand());

    public static IReadOnlyList<CommandEntry> All => [Check, DiskUsage, Verb("dial-stdio", "Connect stdin and stdout to the daemon", () => new DialStdioCommand()) with { IsHidden = true }, Contexts.ConnectionVerbs.Noun, Events, Info, PruneAll];
}
