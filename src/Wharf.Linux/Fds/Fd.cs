using Microsoft.Win32.SafeHandles;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>An owned file descriptor, always close-on-exec. Disposing closes it.</summary>
public sealed class Fd : SafeHandleMinusOneIsInvalid
{
    public Fd() : base(ownsHandle: true) { }
    public Fd(int fd) : base(ownsHandle: true) => SetHandle(fd);

    /// <summary>The number, valid only while this object is alive and not disposed.</summary>
    public int Value => (int)handle;

    /// <summary>A path that names the open file itself, for calls that only take paths.</summary>
    public string ProcPath => $"/proc/self/fd/{Value}";

    /// <summary>Takes the number out; the caller now owns it.</summary>
    public int Release()
    {
        int fd = Value;
        SetHandleAsInvalid();
        return fd;
    }

    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}
