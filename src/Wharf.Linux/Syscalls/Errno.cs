namespace Wharf.Linux.Syscalls;

/// <summary>Error numbers under their kernel names (asm-generic/errno.h; the same on x86-64 and arm64).</summary>
public static class Errno
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9, ECHILD = 10,
        EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, ENOTBLK = 15, EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20,
        EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30,
        EMLINK = 31, EPIPE = 32, EDOM = 33, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENODATA = 61,
        EOVERFLOW = 75, EUSERS = 87, ENOTSOCK = 88, EMSGSIZE = 90, EOPNOTSUPP = 95, EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETUNREACH = 101,
        ECONNRESET = 104, ENOBUFS = 105, ETIMEDOUT = 110, ECONNREFUSED = 111, EHOSTUNREACH = 113, EALREADY = 114, EINPROGRESS = 115, ESTALE = 116, EDQUOT = 122;

    private static readonly Dictionary<int, string> Names = new()
    {
        [EPERM] = nameof(EPERM), [ENOENT] = nameof(ENOENT), [ESRCH] = nameof(ESRCH), [EINTR] = nameof(EINTR), [EIO] = nameof(EIO), [ENXIO] = nameof(ENXIO),
        [E2BIG] = nameof(E2BIG), [ENOEXEC] = nameof(ENOEXEC), [EBADF] = nameof(EBADF), [ECHILD] = nameof(ECHILD), [EAGAIN] = nameof(EAGAIN), [ENOMEM] = nameof(ENOMEM),
        [EACCES] = nameof(EACCES), [EFAULT] = nameof(EFAULT), [EBUSY] = nameof(EBUSY), [EEXIST] = nameof(EEXIST), [EXDEV] = nameof(EXDEV), [ENODEV] = nameof(ENODEV),
        [ENOTDIR] = nameof(ENOTDIR), [EISDIR] = nameof(EISDIR), [EINVAL] = nameof(EINVAL), [ENFILE] = nameof(ENFILE), [EMFILE] = nameof(EMFILE), [ENOTTY] = nameof(ENOTTY),
        [ETXTBSY] = nameof(ETXTBSY), [EFBIG] = nameof(EFBIG), [ENOSPC] = nameof(ENOSPC), [ESPIPE] = nameof(ESPIPE), [EROFS] = nameof(EROFS), [EMLINK] = nameof(EMLINK),
        [EPIPE] = nameof(EPIPE), [ERANGE] = nameof(ERANGE), [ENAMETOOLONG] = nameof(ENAMETOOLONG), [ENOSYS] = nameof(ENOSYS), [ENOTEMPTY] = nameof(ENOTEMPTY), [ELOOP] = nameof(ELOOP),
        [ENODATA] = nameof(ENODATA), [EOVERFLOW] = nameof(EOVERFLOW), [EUSERS] = nameof(EUSERS), [EOPNOTSUPP] = nameof(EOPNOTSUPP), [EADDRINUSE] = nameof(EADDRINUSE),
        [EADDRNOTAVAIL] = nameof(EADDRNOTAVAIL), [ENETUNREACH] = nameof(ENETUNREACH), [ECONNRESET] = nameof(ECONNRESET), [ENOBUFS] = nameof(ENOBUFS), [ETIMEDOUT] = nameof(ETIMEDOUT),
        [ECONNREFUSED] = nameof(ECONNREFUSED), [EHOSTUNREACH] = nameof(EHOSTUNREACH), [ESTALE] = nameof(ESTALE), [EDQUOT] = nameof(EDQUOT),
    };

    public static string Name(int errno) => Names.TryGetValue(errno, out var name) ? name : $"errno {errno}";
}
