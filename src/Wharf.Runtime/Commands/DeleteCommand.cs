using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>delete</c>: frees what a stopped container holds; with --force of any.</summary>
internal sealed class DeleteCommand : RuntimeCommand
{
    private const int MostWait = 10_000;

    public override string Name => "delete";
    public override string Summary => "delete what a container holds";
    public override IReadOnlyList<Flag> Flags => [Flag.Switch("force", "kill the container first when it runs", "f")];

    public override int Run(Context context, Arguments arguments)
    {
        var store = new ContainerStore(context.Root);
        bool force = arguments.On("force");
        ContainerStore.Validate(arguments.Rest[0]);
        if (store.TryLoad(arguments.Rest[0]) is not { } container)
        {
            if (force) return 0;
            throw new RuntimeException("container does not exist");
        }
        var status = container.Status();
        if (status is not ("stopped" or "created") && !force) throw new RuntimeException($"cannot delete container {container.Id} that is not stopped: {status}");
        Kill(container);
        container.Destroy(context.Log);
        return 0;
    }

    private static void Kill(Container container)
    {
        using var init = container.OpenInit();
        if (init is null) return;
        _ = Libc.syscall(SyscallNumber.pidfd_send_signal, init.Value, 9); // ESRCH: it ended by itself
        if (container.OpenCgroup() is { Exists: true, Frozen: true } cgroup) cgroup.Thaw();
        if (!FdPoll.Readable(init, MostWait)) throw new RuntimeException("container init still running");
    }
}
