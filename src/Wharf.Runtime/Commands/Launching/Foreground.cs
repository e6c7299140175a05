using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>Stands in for a container's process towards its own caller: hands on signals, carries a terminal's bytes, gives its exit code.</summary>
internal sealed unsafe class Foreground : IDisposable
{
    private const int BufferSize = 32768;

    private readonly Fd _pidfd;
    private readonly Fd? _master;
    private readonly HostTerminal? _terminal;
    private readonly Fd _signals = ForwardedSignals.Open();

    public Foreground(Fd pidfd, Fd? master)
    {
        (_pidfd, _master) = (pidfd, master);
        if (master is not null) _terminal = HostTerminal.Open().MakeRaw();
        _terminal?.CopySize(master!);
    }

    private void Forward(int signal)
    {
        if (signal != ForwardedSignals.SIGWINCH) _ = Libc.syscall(SyscallNumber.pidfd_send_signal, _pidfd.Value, signal); // ESRCH: it has ended
        else if (_master is not null) _terminal?.CopySize(_master);
    }

    /// <summary>Waits for the process; its exit code.</summary>
    public int Wait()
    {
        if (_master is not null)
        {
            // What is typed is carried by a thread of its own, which ends with the process.
            var input = new Thread(() => Copy(0, _master.Value)) { IsBackground = true };
            input.Start();
        }
        Carry();
        return ProcessExit.Wait(_pidfd);
    }

    // Until the process has ended, and with a terminal until its last holder has closed it.
    private void Carry()
    {
        Span<byte> buffer = stackalloc byte[BufferSize];
        Span<PollEntry> entries = [new PollEntry(_signals.Value, FdPoll.POLLIN), new PollEntry(_pidfd.Value, FdPoll.POLLIN), new PollEntry(_master?.Value ?? -1, FdPoll.POLLIN)];
        while (true)
        {
            FdPoll.Wait(entries, -1);
            if (entries[0].Returned != 0) Forward(ForwardedSignals.Read(_signals));
            if ((entries[2].Returned & FdPoll.POLLIN) != 0)
            {
                int count = Read(_master!.Value, buffer);
                if (count <= 0) return; // EIO: nobody holds the slave any more
                FileAt.WriteAll(1, buffer[..count]);
            }
            else if (entries[1].Returned != 0 || entries[2].Returned != 0) return;
        }
    }

    private static void Copy(int from, int to)
    {
        Span<byte> buffer = stackalloc byte[BufferSize];
        int count;
        try
        {
            while ((count = Read(from, buffer)) > 0) FileAt.WriteAll(to, buffer[..count]);
        }
        catch (SyscallException) { } // the terminal is gone with its process
    }

    private static int Read(int fd, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                nint count = Libc.read(fd, bytes, (nuint)buffer.Length);
                if (count >= 0 || Marshal.GetLastPInvokeError() != Errno.EINTR) return (int)count;
            }
        }
    }

    public void Dispose()
    {
        _signals.Dispose();
        _terminal?.Dispose();
    }
}
