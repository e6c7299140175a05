using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>run</c>: create, start, and unless detached wait for the end and delete.</summary>
internal sealed class RunCommand : RuntimeCommand
{
    public override string Name => "run";
    public override string Summary => "create and run a container";
    public override string Description => "Makes a container from a bundle and runs its program.";
    public override IReadOnlyList<Flag> Flags =>
    [
        .. ContainerStarter.Flags,
        Flag.Switch("detach", "do not wait for the container's end", "d"),
        Flag.Switch("keep", "do not delete the container after its end"),
        Flag.Switch("no-subreaper", "do not adopt orphaned processes"),
    ];
    public override string FailurePrefix(string application) => $"{application} run failed: ";

    public override int Run(Context context, Arguments arguments)
    {
        if (arguments.On("detach")) ForwardedSignals.LetThrough();
        var (container, spec, launched) = new ContainerStarter(context, arguments, create: false).Start();
        using (launched.PidFd)
        using (launched.TerminalMaster)
        {
            bool detach = arguments.On("detach");
            RunPoststart(context, container, spec, launched);
            if (detach) return 0;
            int code;
            using (var foreground = new Foreground(launched.PidFd, launched.TerminalMaster)) code = foreground.Wait();
            if (!arguments.On("keep")) container.Destroy(context.Log, spec);
            return code;
        }
    }

    private static void RunPoststart(Context context, Container container, Spec spec, Launched launched)
    {
        try
        {
            HookRunner.Run("poststart", spec.Hooks?.Poststart, container.HookState("running"));
        }
        catch (LaunchException error)
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, launched.PidFd.Value, 9);
            ProcessExit.Wait(launched.PidFd);
            container.Destroy(context.Log);
            throw new RuntimeException(error.Message);
        }
    }
}
