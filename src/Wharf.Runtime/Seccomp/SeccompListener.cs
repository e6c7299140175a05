using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Seccomp;

/// <summary>Hands the descriptor of a filter's notifications to the agent that answers them (seccomp_unotify(2)).</summary>
internal static class SeccompListener
{
    /// <summary>Takes the listener out of a process that waits and sends it to linux.seccomp.listenerPath.</summary>
    public static void Send(Fd pidfd, int number, LinuxSeccomp seccomp, State state)
    {
        using var listener = new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.pidfd_getfd, pidfd.Value, number), "pidfd_getfd"));
        using var agent = FdSocket.Connect(seccomp.ListenerPath!);
        var told = new ContainerProcessState { OciVersion = state.OciVersion, Fds = ["seccompFd"], Pid = state.Pid, Metadata = seccomp.ListenerMetadata ?? "", State = state };
        FdSocket.Send(agent.Value, JsonSerializer.SerializeToUtf8Bytes(told, RuntimeJson.Default.ContainerProcessState), listener);
    }
}
