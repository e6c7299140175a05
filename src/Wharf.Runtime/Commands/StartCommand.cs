using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;

namespace Wharf.Runtime.Commands;

/// <summary><c>start</c>: lets a created container's process execute its program.</summary>
internal sealed class StartCommand : RuntimeCommand
{
    public override string Name => "start";
    public override string Summary => "execute the configured program in a created container";
    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        switch (container.Status())
        {
            case "created": break;
            case "stopped": throw new RuntimeException("cannot start a container that has stopped");
            case "running": throw new RuntimeException("cannot start an already running container");
            case var status: throw new RuntimeException($"cannot start a container in the {status} state");
        }
        using var init = container.OpenInit() ?? throw new RuntimeException("cannot start a container that has stopped");
        var spec = container.LoadSpec();
        HookRunner.RunIn(init, spec.Linux!, spec.Process, "startContainer", spec.Hooks?.StartContainer, container.HookState("created"));
        if (!Fifo.Release(container.FifoPath)) throw new RuntimeException("cannot start a container that has stopped");
        File.Delete(container.FifoPath);
        try
        {
            HookRunner.Run("poststart", spec.Hooks?.Poststart, container.HookState("running"));
        }
        catch (LaunchException error)
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, init.Value, 9);
            throw new RuntimeException(error.Message);
        }
        return 0;
    }
}
