using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.Checkpoint;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>restore</c>: a container from what a checkpoint wrote.</summary>
internal sealed class RestoreCommand : RuntimeCommand
{
    public override string Name => "restore";
    public override string Summary => "restore a container from a previous checkpoint";
    public override string FailurePrefix(string application) => $"{application} restore failed: ";
    public override IReadOnlyList<Flag> Flags =>
    [
        .. ContainerStarter.Flags,
        Flag.Value("image-path", "directory of criu's image files"),
        Flag.Value("work-path", "directory for criu's work files and logs"),
        Flag.Switch("tcp-established", "allow open TCP connections"),
        Flag.Switch("ext-unix-sk", "allow unix sockets to the outside"),
        Flag.Switch("shell-job", "allow a terminal of the outside"),
        Flag.Switch("file-locks", "allow file locks"),
        Flag.Value("manage-cgroups-mode", "soft, full, strict or ignore", null, "soft"),
        Flag.Switch("detach", "do not wait for the container's end", "d"),
        Flag.Switch("no-subreaper", "do not adopt orphaned processes"),
        Flag.List("empty-ns", "make a namespace without its properties"),
        Flag.Switch("auto-dedup", "leave out pages that a former image has"),
        Flag.Switch("lazy-pages", "memory is fetched on demand"),
        Flag.Value("lsm-profile", "security profile, TYPE:NAME"),
        Flag.Value("lsm-mount-context", "security context of mounts"),
    ];

    public override int Run(Context context, Arguments arguments)
    {
        bool detach = arguments.On("detach");
        if (detach) ForwardedSignals.LetThrough();
        ContainerStore.Validate(arguments.Rest[0]);
        var bundle = Bundle.Load(arguments.Text("bundle"));
        SpecRules.Check(bundle.Spec, context.Log);
        ContainerStarter.CheckTerminal(bundle.Spec.Process!.Terminal == true, detach, arguments.Text("console-socket"));
        var restore = new ContainerRestore(context, arguments, bundle);
        using var restored = restore.Run();
        if (detach) return 0;
        int code;
        using (var foreground = new Foreground(restored.PidFd, restored.Master)) code = foreground.Wait();
        restored.Container.Destroy(context.Log, bundle.Spec);
        return code;
    }
}
