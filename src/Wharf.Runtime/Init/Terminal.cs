using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>A pseudo-terminal of the container's own devpts instance.</summary>
public static unsafe class Terminal
{
    private const nuint TIOCSPTLCK = 0x40045431, TIOCGPTPEER = 0x5441, TIOCSWINSZ = 0x5414;

    private struct WindowSize { public ushort Rows, Columns, XPixels, YPixels; }

    /// <summary>Opens a pair. The slave comes from the master itself, not from a name that could have been exchanged (CVE-2025-52565).</summary>
    public static (Fd Master, Fd Slave) Open(Fd root, uint owner, ConsoleSize? size)
    {
        var master = OpenAt.InRoot(root, "/dev/pts/ptmx", O.RDWR | O.NOCTTY, 0, Resolve.NoSymlinks);
        try
        {
            int unlock = 0;
            SyscallException.Check(Libc.ioctl(master.Value, TIOCSPTLCK, (nint)(&unlock)), "ioctl TIOCSPTLCK");
            var slave = new Fd(SyscallException.Check(Libc.ioctl(master.Value, TIOCGPTPEER, O.RDWR | O.NOCTTY | O.CLOEXEC), "ioctl TIOCGPTPEER"));
            SyscallException.Check(Libc.fchown(slave.Value, owner, uint.MaxValue), "fchown terminal");
            SyscallException.Check(Libc.fchmod(slave.Value, 0b110_010_000), "fchmod terminal");
            if (size is { Height: > 0, Width: > 0 }) Resize(master, size.Height, size.Width);
            return (master, slave);
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    public static void Resize(Fd master, uint height, uint width)
    {
        var size = new WindowSize { Rows = (ushort)height, Columns = (ushort)width };
        SyscallException.Check(Libc.ioctl(master.Value, TIOCSWINSZ, (nint)(&size)), "ioctl TIOCSWINSZ");
    }
}
