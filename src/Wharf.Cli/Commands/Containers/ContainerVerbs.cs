using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>container</c>, most of which also stand alone.</summary>
internal static class ContainerVerbs
{
    public static readonly CommandEntry Attach = Verb("attach", "Attach stdin, stdout and stderr to a running container", () => new AttachCommand(), "container attach", "attach");
    public static readonly CommandEntry CheckHealth = Verb("run", "Run a container's health check now", () => new HealthRunCommand(), "healthcheck run");
    public static readonly CommandEntry Commit = Verb("commit", "Make an image of what a container changed", () => new CommitCommand(), "container commit", "commit");
    public static readonly CommandEntry Copy = Verb("cp", "Copy files and directories between a container and here", () => new CopyCommand(), "container cp", "cp");
    public static readonly CommandEntry Create = Verb("create", "Create a container without starting it", () => new CreateCommand(), "container create", "create");
    public static readonly CommandEntry Diff = Verb("diff", "Show what a container changed in its files", () => new DiffCommand(), "container diff", "diff");
    public static readonly CommandEntry Exec = Verb("exec", "Run a command in a running container", () => new ExecCommand(), "container exec", "exec");
    public static readonly CommandEntry Exists = Verb("exists", "Tell by the exit code whether there is such a container", () => new ExistsCommand(), "container exists");
    public static readonly CommandEntry Export = Verb("export", "Export a container's files as a tar archive", () => new ExportCommand(), "container export", "export");
    public static readonly CommandEntry Inspect = Verb("inspect", "Show all there is to know of containers", () => new InspectCommand());
    public static readonly CommandEntry Kill = Verb("kill", "Kill running containers", () => new KillCommand(), "container kill", "kill");
    public static readonly CommandEntry Logs = Verb("logs", "Show what a container wrote", () => new LogsCommand(), "container logs", "logs");
    public static readonly CommandEntry List = Verb("ls", "List containers", () => new ListCommand(), "container ls", "container list", "container ps", "ps").As("ls", ["list", "ps"]);
    public static readonly CommandEntry Mount = Verb("mount", "Show the files of a container or image on this machine, read-only", () => new MountCommand(), "container mount", "mount");
    public static readonly CommandEntry Pause = Verb("pause", "Pause every process of containers", () => new PauseCommand(), "container pause", "pause");
    public static readonly CommandEntry Port = Verb("port", "Show the published ports of a container", () => new PortCommand(), "container port", "port");
    public static readonly CommandEntry PruneStopped = Verb("prune", "Remove all stopped containers", () => new PruneCommand());
    public static readonly CommandEntry Rename = Verb("rename", "Give a container another name", () => new RenameCommand(), "container rename", "rename");
    public static readonly CommandEntry Restart = Verb("restart", "Restart containers", () => new RestartCommand(), "container restart", "restart");
    public static readonly CommandEntry Remove = Verb("rm", "Remove containers", () => new RemoveCommand(), "container rm", "container remove", "rm").As("rm", ["remove"]);
    public static readonly CommandEntry RollBack = Verb("rollback", "Put a container's files back to a saved version", () => new RollBackCommand(), "container rollback", "rollback");
    public static readonly CommandEntry Run = Verb("run", "Create a container from an image and run it", () => new RunCommand(), "container run", "run");
    public static readonly CommandEntry Snapshot = Verb("snapshot", "Save what a container has changed as a version", () => new SnapshotCommand(), "container snapshot", "snapshot");
    public static readonly CommandEntry Start = Verb("start", "Start stopped containers", () => new StartCommand(), "container start", "start");
    public static readonly CommandEntry Stats = Verb("stats", "Show what containers use, as it changes", () => new StatsCommand(), "container stats", "stats");
    public static readonly CommandEntry Stop = Verb("stop", "Stop running containers", () => new StopCommand(), "container stop", "stop");
    public static readonly CommandEntry Top = Verb("top", "Show the processes of a container", () => new TopCommand(), "container top", "top");
    public static readonly CommandEntry Unmount = Verb("unmount", "Take down what mount has shown", () => new UnmountCommand(), "container unmount", "unmount");
    public static readonly CommandEntry Unpause = Verb("unpause", "Let paused containers go on", () => new UnpauseCommand(), "container unpause", "unpause");
    public static readonly CommandEntry Update = Verb("update", "Change the limits of containers", () => new UpdateCommand(), "container update", "update");
    public static readonly CommandEntry Versions = Verb("versions", "List the saved versions of a container", () => new VersionsCommand(), "container versions", "versions");
    public static readonly CommandEntry Wait = Verb("wait", "Wait until containers stop and print their exit codes", () => new WaitCommand(), "container wait", "wait");

    public static IReadOnlyList<CommandEntry> All =>
    [
        Attach, Commit, Copy, Create, Diff, Exec, Exists, Export, Inspect, Kill, Logs, List, Mount, Pause, Port, PruneStopped, Rename, Restart, Remove, RollBack, Run, Snapshot, Start, Stats, Stop, Top, Unmount, Unpause, Update, Versions, Wait,
    ];
}
