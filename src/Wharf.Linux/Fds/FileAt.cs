using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>
/// File calls relative to a directory, with names as bytes and without a terminating zero. Each gives its result or the negative
/// error number, as the kernel does: on these paths an existing or missing name is the normal case and not worth an exception.
/// None but <see cref="OpenInRoot"/> and <see cref="OpenBeneath"/> is meant for names with a slash.
/// </summary>
public static unsafe class FileAt
{
    private const uint STATX_BASIC_STATS_AND_MNT_ID = 0x7ff | 0x1000;
    private const int W_OK = 2;

    private struct OpenHow { public ulong Flags, Mode, Resolve; }

    /// <summary>Throws for a negative result, else gives it back.</summary>
    public static int Check(int result, string call, ReadOnlySpan<byte> name) =>
        result >= 0 ? result : throw new SyscallException(call, -result, Text(name));

    public static string Text(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name);

    public static int Open(int directory, ReadOnlySpan<byte> name, int flags, uint mode = 0)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.openat(directory, path, flags | O.CLOEXEC, mode));
    }

    /// <summary>Opens a path with <paramref name="root"/> as its root (see <see cref="OpenAt.InRoot"/>).</summary>
    public static int OpenInRoot(int root, ReadOnlySpan<byte> name, int flags, Resolve extra = Resolve.None) => Open(root, name, flags, Resolve.InRoot | extra);

    /// <summary>Opens a path that must not lead above <paramref name="root"/>: where <see cref="OpenInRoot"/> turns back, this gives -EXDEV.</summary>
    public static int OpenBeneath(int root, ReadOnlySpan<byte> name, int flags, Resolve extra = Resolve.None) => Open(root, name, flags, Resolve.Beneath | extra);

    private static int Open(int root, ReadOnlySpan<byte> name, int flags, Resolve resolve)
    {
        var how = new OpenHow { Flags = (ulong)(uint)(flags | O.CLOEXEC), Resolve = (ulong)(resolve | Resolve.NoMagiclinks) };
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name.IsEmpty ? "."u8 : name, zeroed))
        {
            while (true)
            {
                int fd = Result((int)Libc.syscall(SyscallNumber.openat2, root, (nint)path, (nint)(&how), sizeof(OpenHow)));
                // EAGAIN: a rename somewhere raced with "..", the kernel asks to try again (openat2(2)).
                if (fd is not (-Errno.EAGAIN or -Errno.EINTR)) return fd;
            }
        }
    }

    public static int MakeDirectory(int directory, ReadOnlySpan<byte> name, uint mode)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.mkdirat(directory, path, mode));
    }

    public static int MakeNode(int directory, ReadOnlySpan<byte> name, uint mode, uint major, uint minor)
    {
        // makedev(3): the C library's 64-bit dev_t.
        ulong device = (minor & 0xff) | ((ulong)(major & 0xfff) << 8) | ((ulong)(minor & ~0xffu) << 12) | ((ulong)(major & ~0xfffu) << 32);
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.mknodat(directory, path, mode, device));
    }

    public static int Symlink(ReadOnlySpan<byte> target, int directory, ReadOnlySpan<byte> name)
    {
        Span<byte> zeroedTarget = stackalloc byte[Room(target)];
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* to = Zero(target, zeroedTarget))
        fixed (byte* path = Zero(name, zeroed))
            return Result(Libc.symlinkat(to, directory, path));
    }

    /// <summary>A hard link; the old name is not followed when it is a symbolic link.</summary>
    public static int Link(int oldDirectory, ReadOnlySpan<byte> oldName, int directory, ReadOnlySpan<byte> name)
    {
        Span<byte> zeroedOld = stackalloc byte[Room(oldName)];
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* from = Zero(oldName, zeroedOld))
        fixed (byte* path = Zero(name, zeroed))
            return Result(Libc.linkat(oldDirectory, from, directory, path, 0));
    }

    public static int Rename(int oldDirectory, ReadOnlySpan<byte> oldName, int directory, ReadOnlySpan<byte> name)
    {
        Span<byte> zeroedOld = stackalloc byte[Room(oldName)];
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* from = Zero(oldName, zeroedOld))
        fixed (byte* path = Zero(name, zeroed))
            return Result(Libc.renameat2(oldDirectory, from, directory, path, 0));
    }

    /// <summary>Whether this process may write to what a path leads to: for a directory, make files in it.</summary>
    public static bool MayWrite(string path) => Libc.faccessat(OpenAt.AT_FDCWD, path, W_OK, 0) == 0;

    public static int Unlink(int directory, ReadOnlySpan<byte> name, bool isDirectory = false)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.unlinkat(directory, path, isDirectory ? OpenAt.AT_REMOVEDIR : 0));
    }

    /// <summary>Where a symbolic link points; throws when it is none.</summary>
    public static byte[] ReadLink(int directory, ReadOnlySpan<byte> name)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        Span<byte> target = stackalloc byte[4096];
        fixed (byte* path = Zero(name, zeroed))
        fixed (byte* buffer = target)
            return target[..Check(Result((int)Libc.readlinkat(directory, path, buffer, (nuint)target.Length)), "readlinkat", name)].ToArray();
    }

    public static int ChangeOwner(int directory, ReadOnlySpan<byte> name, uint uid, uint gid)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.fchownat(directory, path, uid, gid, OpenAt.AT_SYMLINK_NOFOLLOW));
    }

    /// <summary>Never follows a symbolic link; the C library does that through /proc where the kernel has no fchmodat2.</summary>
    public static int ChangeMode(int directory, ReadOnlySpan<byte> name, uint mode)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.fchmodat(directory, path, mode, OpenAt.AT_SYMLINK_NOFOLLOW));
    }

    /// <summary>Sets access and modification time, both to the same.</summary>
    public static int SetTimes(int directory, ReadOnlySpan<byte> name, long seconds, uint nanoseconds)
    {
        long* times = stackalloc long[4] { seconds, nanoseconds, seconds, nanoseconds };
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (byte* path = Zero(name, zeroed)) return Result(Libc.utimensat(directory, path, times, OpenAt.AT_SYMLINK_NOFOLLOW));
    }

    /// <summary>As <see cref="SetTimes(int, ReadOnlySpan{byte}, long, uint)"/>, of an open file.</summary>
    public static int SetTimes(int fd, long seconds, uint nanoseconds)
    {
        long* times = stackalloc long[4] { seconds, nanoseconds, seconds, nanoseconds };
        return Result(Libc.futimens(fd, times));
    }

    /// <summary>Does not follow a symbolic link. An empty name means the directory itself.</summary>
    public static int Stat(int directory, ReadOnlySpan<byte> name, out FileStat stat)
    {
        Span<byte> zeroed = stackalloc byte[Room(name)];
        fixed (FileStat* result = &stat)
        fixed (byte* path = Zero(name, zeroed))
            return Result(Libc.statx(directory, path, OpenAt.AT_SYMLINK_NOFOLLOW | OpenAt.AT_EMPTY_PATH, STATX_BASIC_STATS_AND_MNT_ID, result));
    }

    /// <summary>Writes all of <paramref name="data"/> at the descriptor's position.</summary>
    public static void WriteAll(int fd, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            for (int done = 0; done < data.Length;)
            {
                int count = Result((int)Libc.write(fd, bytes + done, (nuint)(data.Length - done)));
                if (count == -Errno.EINTR) continue;
                done += count >= 0 ? count : throw new SyscallException("write", -count);
            }
        }
    }

    /// <summary>Writes all of <paramref name="data"/> at <paramref name="offset"/>.</summary>
    public static void WriteAllAt(int fd, ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* bytes = data)
        {
            for (int done = 0; done < data.Length;)
            {
                int count = Result((int)Libc.pwrite(fd, bytes + done, (nuint)(data.Length - done), offset + done));
                if (count == -Errno.EINTR) continue;
                done += count >= 0 ? count : throw new SyscallException("pwrite", -count);
            }
        }
    }

    /// <summary>Gives an empty file the data of another one on the same file system, shared until one of both is written to (ioctl_ficlone(2)). False where that cannot be.</summary>
    public static bool ShareData(int source, int target)
    {
        const uint FICLONE = 0x40049409;
        return Libc.ioctl(target, FICLONE, source) == 0;
    }

    /// <summary>Where a file's data goes on at or after an offset (lseek(2), SEEK_DATA); negative when nothing follows but a hole. Moves the file's position.</summary>
    public static long NextData(int fd, long offset)
    {
        const int SEEK_DATA = 3;
        long found = Libc.lseek(fd, offset, SEEK_DATA);
        if (found >= 0) return found;
        int error = Marshal.GetLastPInvokeError();
        return error == Errno.ENXIO ? -1 : throw new SyscallException("lseek", error);
    }

    /// <summary>Where a file's data ends that lies at an offset (lseek(2), SEEK_HOLE): at a hole, or at its end. Moves the file's position.</summary>
    public static long NextHole(int fd, long offset)
    {
        const int SEEK_HOLE = 4;
        return SyscallException.Check((nint)Libc.lseek(fd, offset, SEEK_HOLE), "lseek");
    }

    /// <summary>
    /// Copies bytes from one file into another without their coming here, sharing them where the file system can (copy_file_range(2)). Gives how many, 0 at the end of the
    /// source; the negative error number where these two files cannot be copied so.
    /// </summary>
    public static long CopyRange(int source, long from, int target, long to, long count)
    {
        while (true)
        {
            long done = Libc.copy_file_range(source, &from, target, &to, (nuint)count, 0);
            if (done >= 0) return done;
            int error = Marshal.GetLastPInvokeError();
            if (error is Errno.EXDEV or Errno.EINVAL or Errno.EOPNOTSUPP or Errno.ENOSYS) return -error;
            if (error != Errno.EINTR) throw new SyscallException("copy_file_range", error);
        }
    }

    /// <summary>Reads what is there at <paramref name="offset"/>, 0 at the end of the file.</summary>
    public static int ReadAt(int fd, Span<byte> buffer, long offset)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                int count = Result((int)Libc.pread(fd, bytes, (nuint)buffer.Length, offset));
                if (count != -Errno.EINTR) return count >= 0 ? count : throw new SyscallException("pread", -count);
            }
        }
    }

    internal static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    // The end's zero and, in place of an empty name, a dot. Names up to PATH_MAX go on the stack; the kernel refuses longer ones, which the allocation below lets it say.
    internal static int Room(ReadOnlySpan<byte> name) => name.Length < 4096 ? name.Length + 2 : 0;

    internal static ReadOnlySpan<byte> Zero(ReadOnlySpan<byte> name, Span<byte> room)
    {
        if (room.IsEmpty) room = new byte[name.Length + 1];
        name.CopyTo(room);
        room[name.Length] = 0;
        return room;
    }
}
