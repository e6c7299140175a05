using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>Names of the UTS namespace the calling thread is in.</summary>
internal static unsafe partial class UtsNames
{
    [LibraryImport("libc", SetLastError = true)] private static partial int sethostname(byte* name, nuint length);
    [LibraryImport("libc", SetLastError = true)] private static partial int setdomainname(byte* name, nuint length);

    public static void SetHostname(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* text = bytes) SyscallException.Check(sethostname(text, (nuint)bytes.Length), "sethostname", name);
    }

    public static void SetDomainname(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* text = bytes) SyscallException.Check(setdomainname(text, (nuint)bytes.Length), "setdomainname", name);
    }
}

/// <summary>The loopback interface of a network namespace.</summary>
internal static unsafe partial class Loopback
{
    private const int AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000;
    private const nuint SIOCSIFFLAGS = 0x8914;
    private const short IFF_UP = 1;

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);

    /// <summary>Brings lo up in the calling thread's network namespace.</summary>
    public static void Up()
    {
        using var control = new Fd(SyscallException.Check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
        var request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then flags
        new Span<byte>(request, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(request, 16));
        *(short*)(request + 16) = IFF_UP;
        SyscallException.Check(Libc.ioctl(control.Value, SIOCSIFFLAGS, (nint)request), "ioctl SIOCSIFFLAGS", "lo");
    }
}
