using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>checkpoint</c>: writes a running container to files, by criu.</summary>
internal sealed class CheckpointCommand : RuntimeCommand
{
    public override string Name => "checkpoint";
    public override string Summary => "checkpoint a running container";
    public override IReadOnlyList<Flag> Flags =>
    [
        Flag.Value("image-path", "directory for criu's image files"),
        Flag.Value("work-path", "directory for criu's work files and logs"),
        Flag.Value("parent-path", "directory of the image files of a former pre-dump"),
        Flag.Switch("leave-running", "let the container go on"),
        Flag.Switch("tcp-established", "allow open TCP connections"),
        Flag.Switch("ext-unix-sk", "allow unix sockets to the outside"),
        Flag.Switch("shell-job", "allow a terminal of the outside"),
        Flag.Switch("lazy-pages", "memory is fetched on demand"),
        Flag.Value("status-fd", "descriptor that is told when lazy pages are ready"),
        Flag.Value("page-server", "ADDRESS:PORT of the page server"),
        Flag.Switch("file-locks", "allow file locks"),
        Flag.Switch("pre-dump", "memory only; the container goes on"),
        Flag.Value("manage-cgroups-mode", "soft, full or strict"),
        Flag.Value("empty-ns", "make a namespace without its properties"),
        Flag.Switch("auto-dedup", "leave out pages that a former image has"),
    ];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        if (container.Status() is "stopped" or "created") throw new RuntimeException($"Container cannot be checkpointed in {container.Status()} state");
        Criu.Require(context.Criu);
        throw new RuntimeException("checkpoint is not supported by this version");
    }
}

/// <summary><c>restore</c>: a container from what a checkpoint wrote.</summary>
internal sealed class RestoreCommand : RuntimeCommand
{
    public override string Name => "restore";
    public override string Summary => "restore a container from a previous checkpoint";
    public override IReadOnlyList<Flag> Flags =>
    [
        .. ContainerStarter.Flags,
        Flag.Value("image-path", "directory of criu's image files"),
        Flag.Value("work-path", "directory for criu's work files and logs"),
        Flag.Switch("tcp-established", "allow open TCP connections"),
        Flag.Switch("ext-unix-sk", "allow unix sockets to the outside"),
        Flag.Switch("shell-job", "allow a terminal of the outside"),
        Flag.Switch("file-locks", "allow file locks"),
        Flag.Value("manage-cgroups-mode", "soft, full or strict"),
        Flag.Switch("detach", "do not wait for the container's end", "d"),
        Flag.Switch("no-subreaper", "do not adopt orphaned processes"),
        Flag.Value("empty-ns", "make a namespace without its properties"),
        Flag.Switch("auto-dedup", "leave out pages that a former image has"),
        Flag.Switch("lazy-pages", "memory is fetched on demand"),
        Flag.Value("lsm-profile", "security profile, TYPE:NAME"),
        Flag.Value("lsm-mount-context", "security context of mounts"),
    ];

    public override int Run(Context context, Arguments arguments)
    {
        ContainerStore.Validate(arguments.Rest[0]);
        Criu.Require(context.Criu);
        throw new RuntimeException("restore is not supported by this version");
    }
}

/// <summary>The program that checkpoints and restores.</summary>
internal static class Criu
{
    public static string Require(string name)
    {
        if (name.Contains('/')) return File.Exists(name) ? name : throw new RuntimeException($"criu is not installed: {name}: no such file or directory");
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin").Split(':'))
            if (directory.Length > 0 && File.Exists(Path.Combine(directory, name))) return Path.Combine(directory, name);
        throw new RuntimeException($"criu is not installed: \"{name}\": executable file not found in $PATH");
    }
}
