using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Where on the disk a file's data lies (linux/fiemap.h, the kernel's filesystems/fiemap.rst).</summary>
public static unsafe class FileExtents
{
    private const uint FS_IOC_FIEMAP = 0xc020660b;
    private const uint FIEMAP_EXTENT_LAST = 1, FIEMAP_EXTENT_UNKNOWN = 2, FIEMAP_EXTENT_DELALLOC = 4, FIEMAP_EXTENT_DATA_INLINE = 0x200, FIEMAP_EXTENT_SHARED = 0x2000;
    private const uint FIEMAP_FLAG_SYNC = 1;
    private const int Room = 72;

    [StructLayout(LayoutKind.Sequential)]
    internal struct Request
    {
        public ulong Start, Length;
        public uint Flags, Mapped, Count, Reserved;
    }

    /// <summary>A run of a file's bytes. Its place means something only where <see cref="IsPlaced"/>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Extent
    {
        public readonly ulong Offset, Place, Length;
        private readonly ulong _reserved1, _reserved2;
        private readonly uint _flags, _reserved3, _reserved4, _reserved5;

        /// <summary>The data lies in blocks of its own; not so before it is written, and where a small file lies among the file system's own.</summary>
        public bool IsPlaced => (_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE)) == 0;
        /// <summary>It lies among what the file system has of its own.</summary>
        public bool IsInline => (_flags & FIEMAP_EXTENT_DATA_INLINE) != 0;
        /// <summary>Other files, or the same one elsewhere, have it too.</summary>
        public bool IsShared => (_flags & FIEMAP_EXTENT_SHARED) != 0;

        internal bool IsLast => (_flags & FIEMAP_EXTENT_LAST) != 0;
    }

    /// <summary>All of a file's, in order; null where the file system does not tell. What is not written yet has no place, unless it is <paramref name="flushed"/> first.</summary>
    public static List<Extent>? Read(int file, bool flushed = false)
    {
        var extents = new List<Extent>();
        byte* buffer = stackalloc byte[sizeof(Request) + Room * sizeof(Extent)];
        var request = (Request*)buffer;
        var room = (Extent*)(buffer + sizeof(Request));
        for (ulong start = 0; ;)
        {
            *request = new Request { Start = start, Length = ulong.MaxValue - start, Count = Room, Flags = flushed ? FIEMAP_FLAG_SYNC : 0 };
            if (Libc.ioctl(file, FS_IOC_FIEMAP, (nint)request) != 0) return null;
            for (uint i = 0; i < request->Mapped; i++) extents.Add(room[i]);
            if (request->Mapped == 0 || extents[^1].IsLast) return extents;
            start = extents[^1].Offset + extents[^1].Length;
        }
    }

    /// <summary>Whether two files have their data in the very same places, and so the same data.</summary>
    public static bool AreSame(int left, int right)
    {
        if (Read(left, flushed: true) is not { Count: > 0 } first || Read(right, flushed: true) is not { } second || first.Count != second.Count) return false;
        for (int i = 0; i < first.Count; i++)
        {
            var (one, other) = (first[i], second[i]);
            if (!one.IsPlaced || !other.IsPlaced || (one.Offset, one.Place, one.Length) != (other.Offset, other.Place, other.Length)) return false;
        }
        return true;
    }
}
