using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Flags of open(2) and openat2(2), kernel names. Values differ between architectures where noted.</summary>
public static class O
{
    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    public const int RDONLY = 0, WRONLY = 1, RDWR = 2, CREAT = 0x40, EXCL = 0x80, NOCTTY = 0x100, TRUNC = 0x200, APPEND = 0x400, NONBLOCK = 0x800,
        CLOEXEC = 0x80000, PATH = 0x200000;
    public static int DIRECTORY => Arm64 ? 0x4000 : 0x10000;
    public static int NOFOLLOW => Arm64 ? 0x8000 : 0x20000;
    public static int TMPFILE => 0x400000 | DIRECTORY;
}

/// <summary>How openat2(2) may resolve a path.</summary>
[Flags]
public enum Resolve : ulong { None = 0, NoXdev = 1, NoMagiclinks = 2, NoSymlinks = 4, Beneath = 8, InRoot = 16, Cached = 32 }

/// <summary>Opening files. Everything is close-on-exec.</summary>
public static unsafe class OpenAt
{
    public const int AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200, AT_EMPTY_PATH = 0x1000;

    private struct OpenHow { public ulong Flags, Mode, Resolve; }

    /// <summary>Opens a path of the engine's own (a trusted parent). Never for names that come from a container or image.</summary>
    public static Fd Open(string path, int flags, uint mode = 0) =>
        new(SyscallException.Check(Libc.openat(AT_FDCWD, path, flags | O.CLOEXEC, mode), "open", path));

    /// <summary>
    /// Opens <paramref name="path"/> with <paramref name="root"/> as its root: absolute names, <c>..</c> and symbolic links all stay
    /// inside, resolved by the kernel in one step (SECURITY invariant 1). The only way to open names from containers and images.
    /// </summary>
    public static Fd InRoot(Fd root, string path, int flags, uint mode = 0, Resolve extra = Resolve.None) =>
        TryInRoot(root, path, flags, mode, extra, out int errno) ?? throw new SyscallException("openat2", errno, path);

    /// <summary>As <see cref="InRoot"/>, giving null and the error number instead of throwing.</summary>
    public static Fd? TryInRoot(Fd root, string path, int flags, uint mode, Resolve extra, out int errno)
    {
        var how = new OpenHow
        {
            Flags = (ulong)(uint)(flags | O.CLOEXEC),
            Mode = (flags & (O.CREAT | 0x400000)) != 0 ? mode : 0,
            Resolve = (ulong)(Resolve.InRoot | Resolve.NoMagiclinks | extra),
        };
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            while (true)
            {
                int fd = Defences.Up ? (int)Libc.syscall(SyscallNumber.openat2, root.Value, (nint)name, (nint)(&how), sizeof(OpenHow)) : ByNames(root, path, flags, mode);
                errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (fd >= 0) return new Fd(fd);
                // EAGAIN: a rename somewhere raced with "..", the kernel asks to try again (openat2(2)).
                if (errno is not (Errno.EAGAIN or Errno.EINTR)) return null;
            }
        }
    }

    // What joining strings would give: links lead out of the root. Only in the weakened build.
    private static int ByNames(Fd root, string path, int flags, uint mode) => Libc.openat(root.Value, path.TrimStart('/') is { Length: > 0 } below ? below : ".", flags | O.CLOEXEC, mode);
}
