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
        if (master is not null) _terminal = HostTerminal.MakeRaw();
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

/// <summary>The caller's own terminal on standard input: raw while a container's is shown on it.</summary>
internal sealed unsafe class HostTerminal : IDisposable
{
    private const nuint TCGETS = 0x5401, TCSETS = 0x5402, TIOCGWINSZ = 0x5413, TIOCSWINSZ = 0x5414;
    private const uint BRKINT = 2, PARMRK = 8, ISTRIP = 0x20, INLCR = 0x40, IGNCR = 0x80, ICRNL = 0x100, IXON = 0x400, IGNBRK = 1, OPOST = 1, Echo = 8, EchoNewline = 0x40, ICANON = 2, ISIG = 1, IEXTEN = 0x8000, CSIZE = 0x30, PARENB = 0x100, CS8 = 0x30;

    private struct Termios { public uint Input, Output, Control, Local; public byte Line; public fixed byte Characters[19]; }

    private Termios _former;

    /// <summary>Null when standard input is no terminal.</summary>
    public static HostTerminal? MakeRaw()
    {
        Termios mode;
        if (Libc.ioctl(0, TCGETS, (nint)(&mode)) < 0) return null;
        var terminal = new HostTerminal { _former = mode };
        // cfmakeraw(3)
        mode.Input &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        mode.Output &= ~OPOST;
        mode.Local &= ~(Echo | EchoNewline | ICANON | ISIG | IEXTEN);
        mode.Control = mode.Control & ~(CSIZE | PARENB) | CS8;
        SyscallException.Check(Libc.ioctl(0, TCSETS, (nint)(&mode)), "ioctl TCSETS");
        return terminal;
    }

    /// <summary>The size of the terminal on standard input; null when there is none.</summary>
    public static Specs.Runtime.ConsoleSize? OwnSize()
    {
        ulong size;
        return Libc.ioctl(0, TIOCGWINSZ, (nint)(&size)) < 0 ? null : new Specs.Runtime.ConsoleSize { Height = (ushort)size, Width = (ushort)(size >> 16) };
    }

    public void CopySize(Fd master)
    {
        ulong size;
        if (Libc.ioctl(0, TIOCGWINSZ, (nint)(&size)) == 0) _ = Libc.ioctl(master.Value, TIOCSWINSZ, (nint)(&size)); // the terminal may have gone meanwhile
    }

    public void Dispose()
    {
        fixed (Termios* mode = &_former) _ = Libc.ioctl(0, TCSETS, (nint)mode);
    }
}
