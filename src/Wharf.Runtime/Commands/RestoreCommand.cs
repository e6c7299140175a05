using Wharf.Runtime.Commands.Checkpoint;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;

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
        CheckpointFlags.TcpEstablished,
        CheckpointFlags.ExternalUnixSockets,
        CheckpointFlags.ShellJob,
        CheckpointFlags.FileLocks,
        CheckpointFlags.ManageCgroups,
        Flag.Switch("detach", "do not wait for the container's end", "d"),
        Flag.Switch("no-subreaper", "do not adopt orphaned processes"),
        CheckpointFlags.EmptyNamespace,
        CheckpointFlags.AutoDedup,
        CheckpointFlags.LazyPages,
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
        ContainerStarter.PrepareTerminal(bundle.Spec.Process!, detach, arguments.Text("console-socket"));
        var restore = new ContainerRestore(context, arguments, bundle);
        using var restored = restore.Run();
        if (detach) return 0;
        int code;
        using (var foreground = new Foreground(restored.PidFd, restored.Master)) code = foreground.Wait();
        restored.Container.Destroy(context.Log, bundle.Spec);
        return code;
    }
}
