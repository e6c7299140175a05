using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Erofs;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Layers whose files are kept as one EROFS image (<c>N/erofs</c>) in place of a tree. Where the tree would lie the image is mounted when something first needs it, and stays
/// so until the layer goes or the daemon stops. What is mounted is asked of the kernel each time: a killed daemon leaves mounts, and a restart of the machine none.
/// </summary>
internal sealed class LayerImages(string path)
{
    private readonly Lock _lock = new();

    /// <summary>Where a layer is unpacked before it becomes an image.</summary>
    public static ReadOnlySpan<byte> Unpacked => "fs.new"u8;

    private static ReadOnlySpan<byte> New => "erofs.new"u8;

    private static string ImageIn(string directory) => directory + "/erofs";

    /// <summary>Whether the layer in a numbered directory is an image.</summary>
    public static bool IsImage(string directory) => File.Exists(ImageIn(directory));

    /// <summary>Throws (InvalidArgument) where this kernel or this process cannot mount an image that lies at the path.</summary>
    public void Require()
    {
        if (UserNamespace.IsInner) throw WharfException.Invalid("storage-driver \"erofs\" needs a daemon with root's rights: inside a user namespace no EROFS image can be mounted; choose overlay2 or vfs");
        using var image = OpenAside();
        Write(image, static _ => new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed }, Guid.Empty);
        try { Mount(image.ProcPath).Dispose(); }
        catch (SyscallException error) { throw WharfException.Invalid($"storage-driver \"erofs\" cannot be used here: {error.Message}; it needs Linux 6.12 or newer with EROFS and CONFIG_EROFS_FS_BACKED_BY_FILE: choose overlay2, btrfs or vfs", error); }
    }

    /// <summary>Makes the tree in <see cref="Unpacked"/> of a numbered directory, which is open, an image. The tree is no longer needed then.</summary>
    public void Seal(Fd directory, Fd tree, Digest diffId, CancellationToken cancellation)
    {
        using (var image = new Fd(FileAt.Check(FileAt.Open(directory.Value, New, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180), "openat", New)))
            Write(image, writer => new ErofsTree(writer, cancellation).Read(tree), new Guid(Convert.FromHexString(diffId.Hex).AsSpan(0, 16), bigEndian: true));
        FileAt.Check(FileAt.MakeDirectory(directory.Value, "fs"u8, 0x1c0), "mkdirat", "fs"u8);
        FileAt.Check(FileAt.Rename(directory.Value, New, directory.Value, "erofs"u8), "renameat2", "erofs"u8);
    }

    /// <summary>Overlayfs knows file systems by their <paramref name="uuid"/>.</summary>
    private void Write(Fd image, Func<ErofsWriter, ErofsNode> read, Guid uuid)
    {
        using var aside = OpenAside();
        var writer = new ErofsWriter(image, aside);
        writer.Complete(read(writer), uuid);
    }

    private Fd OpenAside() => OpenAt.Open(path, O.RDWR | O.TMPFILE, 0x180);

    /// <summary>Sees to it that the files of an image can be read in the numbered directory. Idempotent. IOException for an image that is damaged, or where there is no EROFS.</summary>
    public void Show(string directory)
    {
        if (IsShown(directory)) return;
        lock (_lock)
        {
            if (IsShown(directory)) return;
            using var target = OpenAt.Open(directory + "/fs", O.PATH | O.DIRECTORY);
            try
            {
                using var mount = Mount(ImageIn(directory));
                MountTree.Attach(mount, target, directory);
            }
            catch (SyscallException error) { throw new IOException($"{ImageIn(directory)} cannot be mounted: {error.Message}", error); }
        }
    }

    private static Fd Mount(string image) => MountTree.Create("erofs", image, [], MountFlags.MOUNT_ATTR_RDONLY);

    /// <summary>Whether the directory's tree is a mount of its own.</summary>
    private static bool IsShown(string directory)
    {
        FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(directory), out var outer), "statx", []);
        FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(directory + "/fs"), out var inner), "statx", []);
        return outer.MountId != inner.MountId;
    }

    /// <summary>Takes the mount away, where there is one. What still reads it, a container's overlayfs first of all, goes on.</summary>
    public void Hide(string directory)
    {
        lock (_lock)
        {
            while (IsImage(directory) && IsShown(directory)) SyscallException.Check(Libc.umount2(directory + "/fs", MountFlags.MNT_DETACH | MountFlags.UMOUNT_NOFOLLOW), "umount2", directory);
        }
    }

    /// <summary>Takes away what a kill, or the making of an image, left of its tree. Idempotent.</summary>
    public static void RemoveUnpacked(string directory)
    {
        if (Directory.Exists(directory + "/fs.new")) TreeRemoval.Remove(directory + "/fs.new");
    }
}
