using System.Buffers;
using System.Globalization;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>
/// Extended attributes of a name in a directory (empty: of the directory), never following it. Goes by <c>/proc/self/fd/N/name</c>, because the calls that take
/// a directory descriptor (setxattrat and its kin) came with Linux 6.13.
/// </summary>
public static unsafe class Xattr
{
    /// <summary>Sets an attribute of an open file; the negative error number on failure.</summary>
    public static int Set(int fd, ReadOnlySpan<byte> attribute, ReadOnlySpan<byte> value)
    {
        Span<byte> zeroed = stackalloc byte[FileAt.Room(attribute)];
        fixed (byte* key = FileAt.Zero(attribute, zeroed))
        fixed (byte* data = value)
            return FileAt.Result(Libc.fsetxattr(fd, key, data, (nuint)value.Length, 0));
    }

    /// <summary>Sets an attribute of a name; the negative error number on failure.</summary>
    public static int Set(int directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute, ReadOnlySpan<byte> value)
    {
        Span<byte> zeroed = stackalloc byte[FileAt.Room(attribute)];
        fixed (byte* path = ProcPath(directory, name))
        fixed (byte* key = FileAt.Zero(attribute, zeroed))
        fixed (byte* data = value)
            return FileAt.Result(Libc.lsetxattr(path, key, data, (nuint)value.Length, 0));
    }

    /// <summary>Takes an attribute of a name away; the negative error number on failure.</summary>
    public static int Remove(int directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute)
    {
        Span<byte> zeroed = stackalloc byte[FileAt.Room(attribute)];
        fixed (byte* path = ProcPath(directory, name))
        fixed (byte* key = FileAt.Zero(attribute, zeroed))
            return FileAt.Result(Libc.lremovexattr(path, key));
    }

    /// <summary>The value of an attribute; null when it is not there or the file system has none.</summary>
    public static byte[]? Get(int directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute)
    {
        Span<byte> zeroed = stackalloc byte[FileAt.Room(attribute)];
        Span<byte> value = stackalloc byte[256];
        fixed (byte* path = ProcPath(directory, name))
        fixed (byte* key = FileAt.Zero(attribute, zeroed))
        {
            int size;
            fixed (byte* data = value) size = FileAt.Result((int)Libc.lgetxattr(path, key, data, (nuint)value.Length));
            if (size >= 0) return value[..size].ToArray();
            if (size == -Errno.ERANGE)
            {
                // XATTR_SIZE_MAX is 64 KiB (xattr(7)).
                var large = new byte[65536];
                fixed (byte* data = large) size = FileAt.Result((int)Libc.lgetxattr(path, key, data, (nuint)large.Length));
                if (size >= 0) return large.AsSpan(0, size).ToArray();
            }
            return size is -Errno.ENODATA or -Errno.EOPNOTSUPP ? null : throw new SyscallException("lgetxattr", -size, FileAt.Text(name));
        }
    }

    /// <summary>The value of an attribute of an open file that has no more than 256 bytes; null when it is not there or the file system has none.</summary>
    public static byte[]? GetShort(int fd, ReadOnlySpan<byte> attribute)
    {
        Span<byte> zeroed = stackalloc byte[FileAt.Room(attribute)];
        Span<byte> value = stackalloc byte[256];
        fixed (byte* key = FileAt.Zero(attribute, zeroed))
        fixed (byte* data = value)
        {
            int size = FileAt.Result((int)Libc.fgetxattr(fd, key, data, (nuint)value.Length));
            if (size >= 0) return value[..size].ToArray();
            return size is -Errno.ENODATA or -Errno.EOPNOTSUPP ? null : throw new SyscallException("fgetxattr", -size);
        }
    }

    /// <summary>The names of all attributes, sorted by bytes; empty where the file system has none.</summary>
    public static List<byte[]> List(int directory, ReadOnlySpan<byte> name)
    {
        var names = new List<byte[]>();
        fixed (byte* path = ProcPath(directory, name))
        {
            // The common case of no attributes costs one call and no buffer.
            int size = FileAt.Result((int)Libc.llistxattr(path, null, 0));
            if (size is 0 or -Errno.EOPNOTSUPP) return names;
            // XATTR_LIST_MAX is 64 KiB (xattr(7)).
            byte[] list = ArrayPool<byte>.Shared.Rent(65536);
            try
            {
                fixed (byte* data = list) size = FileAt.Check(FileAt.Result((int)Libc.llistxattr(path, data, (nuint)list.Length)), "llistxattr", name);
                var rest = list.AsSpan(0, size);
                while (!rest.IsEmpty)
                {
                    int end = rest.IndexOf((byte)0);
                    names.Add(rest[..end].ToArray());
                    rest = rest[(end + 1)..];
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(list);
            }
        }
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    private static byte[] ProcPath(int directory, ReadOnlySpan<byte> name)
    {
        string prefix = "/proc/self/fd/" + directory.ToString(CultureInfo.InvariantCulture) + "/";
        // The link in /proc is not followed by the l* calls when it stands last: a directory itself is asked for by its dot.
        if (name.IsEmpty) name = "."u8;
        var path = new byte[prefix.Length + name.Length + 1];
        Encoding.ASCII.GetBytes(prefix, path);
        name.CopyTo(path.AsSpan(prefix.Length));
        return path;
    }
}
