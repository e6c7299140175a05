using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>Mount namespaces of single threads (unshare(2)).</summary>
internal static class MountNamespace
{
    private const int CLONE_FS = 0x200, CLONE_NEWNS = 0x20000;

    /// <summary>Runs something on a thread with a mount namespace of its own, from which nothing comes to others; it ends with the thread unless somebody has it open.</summary>
    public static Fd InOwn(Func<Fd> body)
    {
        Fd? result = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                SyscallException.Check(Libc.unshare(CLONE_FS | CLONE_NEWNS), "unshare");
                SyscallException.Check(Libc.mount(null, "/", null, (nuint)(MountFlags.MS_REC | MountFlags.MS_PRIVATE), null), "mount", "/");
                result = body();
            }
            catch (Exception error) { failure = error; }
        }, 256 << 10) { IsBackground = true };
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new IOException(failure.Message, failure);
    }
}
