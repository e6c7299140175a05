using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Namespaces;

/// <summary>Work in network namespaces. A namespace belongs to a thread, so each piece of work has one of its own that ends with it.</summary>
public static class NetworkNamespace
{
    private const int CLONE_NEWNET = 0x40000000, StackSize = 256 << 10;

    /// <summary>
    /// Makes a new namespace. <paramref name="inside"/> runs on a thread that has entered it and gets the descriptor that keeps it; the
    /// descriptor is closed when it throws.
    /// </summary>
    public static Task<T> CreateAsync<T>(Func<Fd, T> inside) => OnOwnThread(() =>
    {
        SyscallException.Check(Libc.unshare(CLONE_NEWNET), "unshare", "network namespace");
        var fd = OpenAt.Open("/proc/thread-self/ns/net", O.RDONLY);
        try { return inside(fd); }
        catch
        {
            fd.Dispose();
            throw;
        }
    });

    /// <summary>Runs work in an existing namespace.</summary>
    public static Task<T> EnterAsync<T>(Fd target, Func<T> inside) => OnOwnThread(() =>
    {
        SyscallException.Check(Libc.setns(target.Value, CLONE_NEWNET), "setns");
        return inside();
    });

    private static Task<T> OnOwnThread<T>(Func<T> body)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try { completion.SetResult(body()); }
            catch (Exception error) { completion.SetException(error); }
        }, StackSize) { IsBackground = true };
        thread.Start();
        return completion.Task;
    }
}
