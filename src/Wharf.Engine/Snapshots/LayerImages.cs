using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Engine.Snapshots.Erofs;
using Wharf.Engine.Snapshots.Objects;
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
    private readonly Lock _lock = new(), _stackLock = new();

    /// <summary>Where a layer is unpacked before it becomes an image.</summary>
    public static ReadOnlySpan<byte> Unpacked => "fs.new"u8;

    private static ReadOnlySpan<byte> New => "erofs.new"u8;

    private static string ImageIn(string directory) => directory + "/erofs";

    /// <summary>Whether the layer in a numbered directory is an image.</summary>
    public static bool IsImage(string directory) => File.Exists(ImageIn(directory));

    /// <summary>Throws (InvalidArgument) where this kernel or this process cannot mount an image that lies at the path.</summary>
    public void Require(string driver = "erofs")
    {
        if (UserNamespace.IsInner) throw WharfException.Invalid($"storage-driver \"{driver}\" needs a daemon with root's rights: inside a user namespace no EROFS image can be mounted; choose overlay2 or vfs");
        using var image = OpenAside();
        Write(image, static _ => new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed }, Guid.Empty);
        try { Mount(image.ProcPath).Dispose(); }
        catch (SyscallException error) { throw WharfException.Invalid($"storage-driver \"{driver}\" cannot be used here: {error.Message}; it needs Linux 6.12 or newer with EROFS and CONFIG_EROFS_FS_BACKED_BY_FILE: choose overlay2, btrfs or vfs", error); }
    }

    /// <summary>As <see cref="Require"/>, and throws where overlayfs does not find a file's content by its image's word: an image with one file and its content are made and read.</summary>
    public void RequireObjects()
    {
        Require("composefs");
        var probe = path + "/probe.new";
        try
        {
            Directory.CreateDirectory(probe + "/aa");
            File.WriteAllText(probe + "/aa/a", "a");
            using var image = OpenAside();
            Write(image, static writer =>
            {
                var root = new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed };
                var file = new ErofsNode { Mode = FileStat.S_IFREG | 0x1a4, Xattrs = [.. ObjectStore.Marks("aaa").Select(static mark => ErofsXattr.Of(mark.Name, mark.Value))] };
                writer.SetHole(file, 1);
                root.Add("f"u8.ToArray(), file);
                return root;
            }, Guid.Empty);
            using var mount = Mount(image.ProcPath);
            using var both = (UnionFileSystem.Overlay with { Data = [ObjectStore.DataIn(probe)] }).OpenReadOnly([mount.ProcPath]);
            using var opened = new Fd(FileAt.Check(FileAt.Open(both.Value, "f"u8, O.RDONLY), "openat", "f"u8));
            Span<byte> content = stackalloc byte[1];
            if (FileAt.ReadAt(opened.Value, content, 0) == 1 && content[0] == (byte)'a') return;
            throw new SyscallException("read", Errno.EIO);
        }
        catch (SyscallException error)
        {
            throw WharfException.Invalid($"storage-driver \"composefs\" cannot be used here: {error.Message}; it needs Linux 6.16 or newer, whose overlayfs finds contents in data-only layers: choose overlay2, erofs, btrfs or vfs", error);
        }
        finally { if (Directory.Exists(probe)) TreeRemoval.Remove(probe); }
    }

    /// <summary>Makes the tree in <see cref="Unpacked"/> of a numbered directory, which is open, an image. The tree is no longer needed then.</summary>
    public void Seal(Fd directory, Fd tree, Digest diffId, ObjectIntake? objects, CancellationToken cancellation)
    {
        using (var image = new Fd(FileAt.Check(FileAt.Open(directory.Value, New, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180), "openat", New)))
            Write(image, writer => new ErofsTree(writer, cancellation) { Objects = objects }.Read(tree), new Guid(Convert.FromHexString(diffId.Hex).AsSpan(0, 16), bigEndian: true));
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
    public void Show(string directory) => Show(ImageIn(directory), directory + "/fs");

    private void Show(string image, string place)
    {
        if (IsShown(place)) return;
        lock (_lock)
        {
            if (IsShown(place)) return;
            using var target = OpenAt.Open(place, O.PATH | O.DIRECTORY);
            try
            {
                using var mount = Mount(image);
                MountTree.Attach(mount, target, place);
            }
            catch (SyscallException error) { throw new IOException($"{image} cannot be mounted: {error.Message}", error); }
        }
    }

    private static Fd Mount(string image) => MountTree.Create("erofs", image, [], MountFlags.MOUNT_ATTR_RDONLY);

    /// <summary>Whether a directory is a mount of its own.</summary>
    private static bool IsShown(string place)
    {
        FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(Path.GetDirectoryName(place)!), out var outer), "statx", []);
        FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(place), out var inner), "statx", []);
        return outer.MountId != inner.MountId;
    }

    /// <summary>Takes the mounts away, where there are any. What still reads it, a container's overlayfs first of all, goes on.</summary>
    public void Hide(string directory)
    {
        lock (_lock)
        {
            if (IsImage(directory)) Unmount(directory + "/fs");
            if (Directory.Exists(StackIn(directory))) Unmount(StackIn(directory));
        }
    }

    private static void Unmount(string place)
    {
        while (IsShown(place)) SyscallException.Check(Libc.umount2(place, MountFlags.MNT_DETACH | MountFlags.UMOUNT_NOFOLLOW), "umount2", place);
    }

    private static string StackIn(string directory) => directory + "/stack";

    private static string StackImageIn(string directory) => directory + "/stack.erofs";

    /// <summary>
    /// All of a stack, with the base below it, as one image that has no contents but leads to objects, made when a container first needs it and kept beside the uppermost layer.
    /// Gives where it is mounted, or is to be when the stack is only named.
    /// </summary>
    public string StackOf(LayerStack stack)
    {
        var (place, image) = (StackIn(stack.Directories[0]), StackImageIn(stack.Directories[0]));
        if (!stack.IsShown) return place;
        lock (_stackLock)
        {
            if (!File.Exists(image))
            {
                RemoveHalfStack(stack.Directories[0]);
                using (var made = OpenAt.Open(image + ".new", O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180))
                {
                    WriteStack(made, stack);
                    SyscallException.Check(Libc.fsync(made.Value), "fsync", image);
                }
                File.Move(image + ".new", image);
            }
            Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Show(image, place);
        }
        return place;
    }

    private void WriteStack(Fd image, LayerStack stack)
    {
        using var merged = MergedDirectory.Open(stack.Trees);
        var numbers = Encoding.UTF8.GetBytes(string.Join(' ', stack.Directories.Select(Path.GetFileName)));
        Write(image, writer => new ErofsStack(writer, CancellationToken.None).Read(merged), new Guid(SHA256.HashData(numbers).AsSpan(0, 16)));
    }

    public static bool HasStack(string directory) => File.Exists(StackImageIn(directory));

    /// <summary>Whether the image of a stack, where there is one, is what its layers give today; the same layers give the same bytes.</summary>
    public bool IsStackWhole(LayerStack stack)
    {
        lock (_stackLock)
        {
            if (!HasStack(stack.Directories[0])) return true;
            using var found = OpenAt.Open(StackImageIn(stack.Directories[0]), O.RDONLY | O.NOFOLLOW);
            using var expected = OpenAside();
            WriteStack(expected, stack);
            return ObjectStore.Hash(found) == ObjectStore.Hash(expected);
        }
    }

    /// <summary>Takes the image of a stack away, which is made anew when it is needed. Idempotent.</summary>
    public void ForgetStack(string directory)
    {
        lock (_stackLock)
        {
            if (Directory.Exists(StackIn(directory)))
            {
                lock (_lock) Unmount(StackIn(directory));
            }
            File.Delete(StackImageIn(directory));
        }
    }

    /// <summary>Takes away what a kill left of making one. Idempotent.</summary>
    public static void RemoveHalfStack(string directory) => File.Delete(StackImageIn(directory) + ".new");

    /// <summary>Takes away what a kill, or the making of an image, left of its tree. Idempotent.</summary>
    public static void RemoveUnpacked(string directory)
    {
        if (Directory.Exists(directory + "/fs.new")) TreeRemoval.Remove(directory + "/fs.new");
    }
}
