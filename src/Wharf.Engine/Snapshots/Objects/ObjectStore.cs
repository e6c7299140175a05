using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots.Objects;

/// <summary>
/// The contents of layers' files, each kept once, whatever layers and names have it: <c>snapshots/objects/aa/bbb…</c>, by its SHA-256. A layer's image has a hole in a file's place
/// and an attribute that leads here, which overlayfs follows (its "data-only lower layers") and <see cref="Follow"/> follows for ourselves.
/// </summary>
/// <remarks>
/// What is under its name is whole and on the disk. Each layer has a list of what it needs (<c>N/objects</c>), and what no list names goes with <see cref="Sweep"/>: lists are
/// there before names, and stay until their layer is gone, so that a kill at any time leaves too much and never too little.
/// </remarks>
internal sealed class ObjectStore(string snapshots, int minSize)
{
    /// <summary>The list of a layer's objects, beside its image: their digests, 32 bytes each.</summary>
    private const string List = "objects";

    private readonly string _path = snapshots + "/objects";
    private readonly Lock _lock = new();
    private readonly HashSet<ObjectIntake> _intakes = [];
    private volatile bool _isThere = Directory.Exists(snapshots + "/objects");

    /// <summary>What overlayfs follows a file's attribute for, and where to.</summary>
    private static ReadOnlySpan<byte> Redirect => "trusted.overlay.redirect"u8;
    private static ReadOnlySpan<byte> Metacopy => "trusted.overlay.metacopy"u8;

    /// <summary>Attributes of a file that has its content here. Overlayfs wants both; the first has no value.</summary>
    public static IEnumerable<(byte[] Name, byte[] Value)> Marks(string hash) => [(Metacopy.ToArray(), []), (Redirect.ToArray(), Encoding.ASCII.GetBytes("/" + Place(hash)))];

    /// <summary>Whether an attribute of a layer's file is one of <see cref="Marks"/>, which no layer's tar has.</summary>
    public static bool IsMark(ReadOnlySpan<byte> attribute) => attribute.SequenceEqual(Redirect) || attribute.SequenceEqual(Metacopy);

    private static string Place(string hash) => $"{hash[..2]}/{hash[2..]}";

    public static string Hash(Fd file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 << 10];
        int count;
        for (long at = 0; (count = FileAt.ReadAt(file.Value, buffer, at)) > 0; at += count) hash.AppendData(buffer, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>With which overlayfs finds contents for files of its lowest layer: in others it does not look for them unless it is mounted as <see cref="UnionOver"/> says.</summary>
    public string DataOption => DataIn(_path);

    public static string DataIn(string path) => "datadir+=" + path;

    /// <summary>
    /// A file system with which the contents of these trees of layers are found: the one that is given where they hold their own. Another one lets metadata be copied up alone,
    /// which is for mounts that are read-only or thrown away. Throws (Conflict) where the given one follows no attributes.
    /// </summary>
    public UnionFileSystem UnionOver(IEnumerable<string> trees, UnionFileSystem union)
    {
        if (!_isThere || !trees.Any(IsOfObjects)) return union;
        if (union.Type != UnionFileSystem.Overlay.Type) throw WharfException.Conflict($"{FuseOverlayMount.Program} cannot show these layers: driver composefs keeps the contents of their files elsewhere, and the program does not find them; use storage-driver composefs or overlay2, or remove the image and get it again");
        // Without a word about redirect_dir metacopy=on implies what it needs.
        return union with { Flags = ["index=off", "metacopy=on"], Data = [DataOption] };
    }

    /// <summary>Whether a layer of a stack has contents here.</summary>
    public bool Serves(LayerStack stack) => _isThere && stack.Directories.Any(IsUsedBy);

    /// <summary>Whether a file of a layer has its content in a store.</summary>
    public static bool LeadsElsewhere(int directory, ReadOnlySpan<byte> name) => Xattr.Get(directory, name, Redirect) is not null;

    private bool IsOfObjects(string tree) =>
        tree.StartsWith(snapshots + "/", StringComparison.Ordinal) && tree.IndexOf('/', snapshots.Length + 1) is > 0 and var end && File.Exists($"{tree[..end]}/{List}");

    /// <summary>Whether a tree of a layer, or a directory in it, has files whose contents are here.</summary>
    public bool Serves(string tree) => _isThere && IsOfObjects(tree);

    /// <summary>The content of a layer's file that was opened: the file itself, or the object it leads to, in which case it is closed. It is not proved.</summary>
    public Fd Follow(Fd file)
    {
        try
        {
            if (!_isThere || Xattr.GetShort(file.Value, Redirect) is not { } place) return file;
            using var objects = OpenAt.Open(_path, O.PATH | O.DIRECTORY);
            int fd = FileAt.OpenBeneath(objects.Value, place.AsSpan(1), O.RDONLY | O.NOFOLLOW | O.NONBLOCK, Resolve.NoSymlinks);
            if (fd == -Errno.ENOENT) throw new InvalidDataException($"object {FileAt.Text(place)} is missing");
            var content = new Fd(FileAt.Check(fd, "openat2", place));
            if (FileStat.Of(content).Size == FileStat.Of(file).Size)
            {
                file.Dispose();
                return content;
            }
            content.Dispose();
            throw new InvalidDataException($"object {FileAt.Text(place)} is not as long as it was");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether two files, each given by its directory and one name for both, lead to one object.</summary>
    public bool IsOne(int left, int right, ReadOnlySpan<byte> name) =>
        _isThere && Xattr.Get(left, name, Redirect) is { } place && place.AsSpan().SequenceEqual(Xattr.Get(right, name, Redirect));

    /// <summary>For a layer that is made in a numbered directory. With <paramref name="verifies"/> what is here already is read before it is relied on, and replaced where it is damaged.</summary>
    public ObjectIntake Begin(long number, bool verifies)
    {
        var intake = new ObjectIntake(this, string.Create(CultureInfo.InvariantCulture, $"{_path}/{number}.new"), verifies) { MinSize = minSize };
        lock (_lock)
        {
            _intakes.Add(intake);
            Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            _isThere = true;
        }
        return intake;
    }

    public void End(ObjectIntake intake)
    {
        lock (_lock) _intakes.Remove(intake);
        RemoveIfThere(intake.Place);
    }

    /// <summary>Whether a content is here, which from now on stays until the intake's end.</summary>
    public bool Hold(ObjectIntake intake, string hash, long size)
    {
        lock (_lock) intake.Held.Add(hash);
        int fd = FileAt.Open(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes($"{_path}/{Place(hash)}"), O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
        if (fd == -Errno.ENOENT) return false;
        using var there = new Fd(FileAt.Check(fd, "open", Encoding.ASCII.GetBytes(hash)));
        return FileStat.Of(there).Size == size && (!intake.Verifies || Hash(there) == hash);
    }

    /// <summary>Gives what an intake staged its names, after its layer has its list. All is on the disk before.</summary>
    public void Publish(ObjectIntake intake, string directory)
    {
        using (var list = new FileStream($"{directory}/{List}", System.IO.FileMode.CreateNew))
            foreach (var hash in intake.Held.Order(StringComparer.Ordinal)) list.Write(Convert.FromHexString(hash));
        if (intake.Staged.Count == 0) return;
        DiskFlush.FileSystemOf(_path);
        lock (_lock)
        {
            foreach (var hash in intake.Staged)
            {
                Directory.CreateDirectory($"{_path}/{hash[..2]}");
                // Another layer may have brought the same meanwhile: containers share that one.
                FileInfo staged = new($"{intake.Place}/{hash}"), there = new($"{_path}/{Place(hash)}");
                if (intake.Verifies || !there.Exists || there.Length != staged.Length) staged.MoveTo(there.FullName, overwrite: true);
            }
        }
    }

    /// <summary>Removes what no layer needs any more, and what a kill left half brought in. Gives how many objects went.</summary>
    public int Sweep()
    {
        if (!_isThere) return 0;
        lock (_lock)
        {
            var needed = Needed();
            foreach (var intake in _intakes) needed.UnionWith(intake.Held);
            int removed = 0;
            foreach (var directory in Directory.GetDirectories(_path))
            {
                var name = Path.GetFileName(directory);
                if (name.Length != 2)
                {
                    if (!_intakes.Any(intake => intake.Place == directory)) TreeRemoval.Remove(directory);
                    continue;
                }
                bool isEmpty = true;
                foreach (var file in Directory.GetFiles(directory))
                {
                    if (needed.Contains(name + Path.GetFileName(file)))
                    {
                        isEmpty = false;
                        continue;
                    }
                    File.Delete(file);
                    removed++;
                }
                if (isEmpty) Directory.Delete(directory);
            }
            if (_intakes.Count > 0 || Directory.EnumerateFileSystemEntries(_path).Any()) return removed;
            Directory.Delete(_path);
            _isThere = false;
            return removed;
        }
    }

    /// <summary>What the lists of all layers name, and of those that are being made or not removed yet. A list that cannot be read is an error: nothing may go then.</summary>
    private HashSet<string> Needed()
    {
        var needed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var directory in Directory.EnumerateDirectories(snapshots))
        {
            if (!File.Exists($"{directory}/{List}")) continue;
            var bytes = File.ReadAllBytes($"{directory}/{List}");
            if (bytes.Length % SHA256.HashSizeInBytes != 0) throw new InvalidDataException($"{directory}/{List} is cut short");
            for (int at = 0; at < bytes.Length; at += SHA256.HashSizeInBytes) needed.Add(Convert.ToHexStringLower(bytes.AsSpan(at, SHA256.HashSizeInBytes)));
        }
        return needed;
    }

    /// <summary>Whether the layer in a numbered directory has contents here.</summary>
    public static bool IsUsedBy(string directory) => File.Exists($"{directory}/{List}");

    private static void RemoveIfThere(string path)
    {
        if (Directory.Exists(path)) TreeRemoval.Remove(path);
    }
}
