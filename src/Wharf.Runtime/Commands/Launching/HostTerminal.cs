using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>
/// The terminal that a container's is shown on: the first of the caller's standard error, output and input that is one, or else the one
/// that controls it. Raw while the container runs.
/// </summary>
internal sealed unsafe class HostTerminal : IDisposable
{
    private const nuint TCGETS = 0x5401, TCSETS = 0x5402, TIOCGWINSZ = 0x5413, TIOCSWINSZ = 0x5414;
    private const uint BRKINT = 2, PARMRK = 8, ISTRIP = 0x20, INLCR = 0x40, IGNCR = 0x80, ICRNL = 0x100, IXON = 0x400, IGNBRK = 1, OPOST = 1, Echo = 8, EchoNewline = 0x40, ICANON = 2, ISIG = 1, IEXTEN = 0x8000, CSIZE = 0x30, PARENB = 0x100, CS8 = 0x30;

    private struct Termios { public uint Input, Output, Control, Local; public byte Line; public fixed byte Characters[19]; }

    private readonly int _fd;
    private readonly Fd? _controlling;
    private Termios _former;
    private bool _isRaw;

    private HostTerminal()
    {
        Termios mode;
        foreach (int standard in (ReadOnlySpan<int>)[2, 1, 0])
            if (Libc.ioctl(standard, TCGETS, (nint)(&mode)) == 0)
            {
                _fd = standard;
                return;
            }
        int fd = FileAt.Open(OpenAt.AT_FDCWD, "/dev/tty"u8, O.RDWR | O.NOCTTY);
        if (fd < 0) throw new RuntimeException($"open /dev/tty: {Marshal.GetPInvokeErrorMessage(-fd).ToLowerInvariant()}");
        _controlling = new Fd(_fd = fd);
    }

    /// <summary>Throws when the caller has no terminal.</summary>
    public static HostTerminal Open() => new();

    public HostTerminal MakeRaw()
    {
        Termios mode;
        SyscallException.Check(Libc.ioctl(_fd, TCGETS, (nint)(&mode)), "ioctl TCGETS");
        _former = mode;
        // cfmakeraw(3)
        mode.Input &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        mode.Output &= ~OPOST;
        mode.Local &= ~(Echo | EchoNewline | ICANON | ISIG | IEXTEN);
        mode.Control = mode.Control & ~(CSIZE | PARENB) | CS8;
        SyscallException.Check(Libc.ioctl(_fd, TCSETS, (nint)(&mode)), "ioctl TCSETS");
        _isRaw = true;
        return this;
    }

    /// <summary>Null when it has none (a serial line may not know).</summary>
    public Specs.Runtime.ConsoleSize? Size()
    {
        ulong size;
        return Libc.ioctl(_fd, TIOCGWINSZ, (nint)(&size)) < 0 ? null : new Specs.Runtime.ConsoleSize { Height = (ushort)size, Width = (ushort)(size >> 16) };
    }

    public void CopySize(Fd master)
    {
        ulong size;
        if (Libc.ioctl(_fd, TIOCGWINSZ, (nint)(&size)) == 0) _ = Libc.ioctl(master.Value, TIOCSWINSZ, (nint)(&size)); // the terminal may have gone meanwhile
    }

    public void Dispose()
    {
        if (_isRaw) fixed (Termios* mode = &_former) _ = Libc.ioctl(_fd, TCSETS, (nint)mode);
        _controlling?.Dispose();
    }
}
