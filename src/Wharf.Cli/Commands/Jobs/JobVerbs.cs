using Wharf.Cli.CommandLine;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Jobs;

/// <summary>The verbs of <c>job</c>.</summary>
internal static class JobVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("create", "Create a job", () => new JobCreateCommand()),
        Verb("history", "Show the runs of a job", () => new JobHistoryCommand()),
        Verb("inspect", "Show all there is to know of jobs", () => new JobInspectCommand()),
        Verb("ls", "List jobs", () => new JobListCommand(), "job ls", "job list").As("ls", ["list"]),
        Verb("rm", "Remove jobs", () => new JobRemoveCommand(), "job rm", "job remove").As("rm", ["remove"]),
        Verb("run", "Run a job now", () => new JobRunCommand()),
    ];
}
