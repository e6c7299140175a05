using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>
/// Datasets of ZFS: file systems of one pool, of which a snapshot can be taken and from that a clone, which shares all data until it is written to (zfsconcepts(7)). By
/// libzfs_core, the interface that OpenZFS keeps stable (2.0 and later), in process.
/// </summary>
public static unsafe partial class ZfsDatasets
{
    private const string Core = "libzfs_core.so.3", Pairs = "libnvpair.so.3";
    private const int LZC_DATSET_TYPE_ZFS = 2; // spelt so there
    private const uint NV_UNIQUE_NAME = 1;
    /// <summary>Extended attributes in the inode, and POSIX ACLs, as other file systems have them.</summary>
    private const ulong ZFS_XATTR_SA = 2, ZFS_ACLTYPE_POSIX = 1;

    [LibraryImport(Core)] private static partial int libzfs_core_init();
    [LibraryImport(Core, StringMarshalling = StringMarshalling.Utf8)] private static partial int lzc_create(string name, int type, nint properties, nint key, uint keyLength);
    [LibraryImport(Core, StringMarshalling = StringMarshalling.Utf8)] private static partial int lzc_clone(string name, string origin, nint properties);
    [LibraryImport(Core, StringMarshalling = StringMarshalling.Utf8)] private static partial int lzc_destroy(string name);
    [LibraryImport(Core)] private static partial int lzc_snapshot(nint names, nint properties, nint* errors);
    [LibraryImport(Core)] private static partial int lzc_destroy_snaps(nint names, int defer, nint* errors);
    [LibraryImport(Pairs)] private static partial int nvlist_alloc(nint* list, uint flags, int kmFlags);
    [LibraryImport(Pairs)] private static partial void nvlist_free(nint list);
    [LibraryImport(Pairs, StringMarshalling = StringMarshalling.Utf8)] private static partial int nvlist_add_boolean(nint list, string name);
    [LibraryImport(Pairs, StringMarshalling = StringMarshalling.Utf8)] private static partial int nvlist_add_string(nint list, string name, string value);
    [LibraryImport(Pairs, StringMarshalling = StringMarshalling.Utf8)] private static partial int nvlist_add_uint64(nint list, string name, ulong value);

    /// <summary>Opens the library. IOException where it is not installed or the kernel has no ZFS.</summary>
    public static void Open()
    {
        try
        {
            int error = libzfs_core_init();
            if (error != 0) throw new IOException($"/dev/zfs cannot be opened (error {error}): load the kernel module zfs");
        }
        catch (DllNotFoundException error) { throw new IOException($"{Core} is missing: install ZFS's libraries (Debian: zfsutils-linux)", error); }
    }

    /// <summary>Makes an empty one, which is mounted by nobody but us and holds no more than <paramref name="size"/> bytes where one is given.</summary>
    public static void Create(string name, long? size) => WithProperties(size, properties => Check(lzc_create(name, LZC_DATSET_TYPE_ZFS, properties, 0, 0), "lzc_create", name));

    /// <summary>Makes one with all that a snapshot (<c>dataset@snapshot</c>) has.</summary>
    public static void Clone(string snapshot, string name, long? size) => WithProperties(size, properties => Check(lzc_clone(name, snapshot, properties), "lzc_clone", name));

    /// <summary>Takes a snapshot. What it holds is on the disk when this returns.</summary>
    public static void Snapshot(string snapshot) => Check(OfSnapshot(snapshot, static (list, errors) => lzc_snapshot(list, 0, (nint*)errors)), "lzc_snapshot", snapshot);

    /// <summary>Removes one with all its files at once. The positive error number where that cannot be: it is mounted (EBUSY) or has snapshots or clones (EEXIST).</summary>
    public static int Destroy(string name) => lzc_destroy(name);

    /// <summary>Removes a snapshot. Zero also where there is none; EEXIST where it has clones.</summary>
    public static int DestroySnapshot(string snapshot) => OfSnapshot(snapshot, static (list, errors) => lzc_destroy_snaps(list, 0, (nint*)errors));

    /// <summary>Mounts one at an empty directory that is there.</summary>
    public static void Mount(string name, string path)
    {
        using var mount = MountTree.Create("zfs", name, [], 0);
        using var target = OpenAt.Open(path, O.PATH | O.DIRECTORY);
        MountTree.Attach(mount, target, path);
    }

    /// <summary>The dataset that a directory lies on; null where there is none.</summary>
    public static string? Of(string path)
    {
        using (var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY)) if (!FileSystemType.IsZfs(directory)) return null;
        return MountInfo.All().Where(mount => mount.Place == "/" || path == mount.Place || path.StartsWith(mount.Place + "/", StringComparison.Ordinal)).OrderBy(static mount => mount.Place.Length).LastOrDefault()?.Source;
    }

    /// <summary>The library puts a list of errors, one for each name, where it is told to: of one name the error is its result.</summary>
    private static int OfSnapshot(string snapshot, Func<nint, nint, int> action) => WithList(list =>
    {
        Check(nvlist_add_boolean(list, snapshot), "nvlist_add_boolean", snapshot);
        nint errors = 0;
        int result = action(list, (nint)(&errors));
        if (errors != 0) nvlist_free(errors);
        return result;
    });

    private static void WithProperties(long? size, Action<nint> action) => WithList(list =>
    {
        // "zfs mount -a" at boot leaves them alone.
        Check(nvlist_add_string(list, "mountpoint", "legacy"), "nvlist_add_string", "mountpoint");
        Check(nvlist_add_uint64(list, "xattr", ZFS_XATTR_SA), "nvlist_add_uint64", "xattr");
        Check(nvlist_add_uint64(list, "acltype", ZFS_ACLTYPE_POSIX), "nvlist_add_uint64", "acltype");
        if (size is { } bytes) Check(nvlist_add_uint64(list, "refquota", (ulong)bytes), "nvlist_add_uint64", "refquota");
        action(list);
        return 0;
    });

    private static int WithList(Func<nint, int> action)
    {
        nint list;
        Check(nvlist_alloc(&list, NV_UNIQUE_NAME, 0), "nvlist_alloc", "");
        try { return action(list); }
        finally { nvlist_free(list); }
    }

    private static void Check(int error, string function, string name)
    {
        if (error != 0) throw new SyscallException(function, error, name);
    }
}
