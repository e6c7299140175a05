using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Erofs;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>EROFS images as the kernel reads them, and what fsck.erofs thinks of them.</summary>
public sealed class ErofsImageTests : IDisposable
{
    private static readonly byte[] Capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // Version 2: owner rwx, user 7 r--, group r-x, mask r-x, others nothing.
    private static readonly byte[] Acl = [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 4, 0, 7, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 5, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255];

    private readonly string _root = Directory.CreateTempSubdirectory("wharf-erofs-").FullName;

    // .NET cannot remove names that are no text.
    public void Dispose() => TreeRemoval.Remove(_root);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task The_kernel_shows_a_random_tree_as_it_was(int seed)
    {
        var tree = Directory.CreateDirectory(_root + "/tree").FullName;
        using (var directory = OpenAt.Open(tree, O.RDONLY | O.DIRECTORY)) new RandomTree(seed).Fill(directory);
        var image = Seal(tree, "one");
        (await CommandResult.RunAsync("fsck.erofs", [image])).ShouldExit(0);
        using var mount = MountTree.Create("erofs", image, [], MountFlags.MOUNT_ATTR_RDONLY);
        using var before = OpenAt.Open(tree, O.RDONLY | O.DIRECTORY);
        using var after = OpenAt.Open(mount.ProcPath, O.RDONLY | O.DIRECTORY);
        var expected = TreeListing.Of(before);
        expected.Count.ShouldBeGreaterThan(200);
        TreeListing.Of(after).ShouldBe(expected);
        (await CommandResult.RunAsync("cmp", [image, Seal(tree, "two")])).ShouldExit(0);
    }

    [Fact]
    public void Files_without_data_of_their_own_have_any_size_and_the_marks_of_overlayfs()
    {
        const long Large = 5L << 30, Huge = 20L << 40;
        var root = new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed };
        var image = Write(root, writer =>
        {
            foreach (var (name, size) in new (string, long)[] { ("byte", 1), ("large", Large + 1), ("huge", Huge) })
            {
                var node = new ErofsNode
                {
                    Mode = FileStat.S_IFREG | 0x1a4, Seconds = 5,
                    Xattrs = [ErofsXattr.Of("trusted.overlay.metacopy"u8, []), ErofsXattr.Of("trusted.overlay.redirect"u8, "/aa/bb"u8.ToArray())],
                };
                writer.SetHole(node, size);
                root.Add(Encoding.UTF8.GetBytes(name), node);
            }
            var small = new ErofsNode { Mode = FileStat.S_IFREG | 0x1a4 };
            writer.SetData(small, "some bytes"u8);
            root.Add("small"u8.ToArray(), small);
        });
        new FileInfo(image).Length.ShouldBe(2 * 4096);
        using var mount = MountTree.Create("erofs", image, [], MountFlags.MOUNT_ATTR_RDONLY);
        new FileInfo(mount.ProcPath + "/large").Length.ShouldBe(Large + 1);
        new FileInfo(mount.ProcPath + "/huge").Length.ShouldBe(Huge);
        Xattr.Get(mount.Value, "huge"u8, "trusted.overlay.redirect"u8).ShouldBe("/aa/bb"u8.ToArray());
        Xattr.Get(mount.Value, "huge"u8, "trusted.overlay.metacopy"u8).ShouldBe([]);
        File.ReadAllText(mount.ProcPath + "/small").ShouldBe("some bytes");
        using var file = File.OpenRead(mount.ProcPath + "/large");
        file.Position = Large - 10;
        var end = new byte[100];
        file.Read(end).ShouldBe(11);
        end.ShouldAllBe(value => value == 0);
    }

    [Fact]
    public async Task A_file_with_holes_takes_what_its_data_takes_and_one_beyond_four_gibibytes_is_whole()
    {
        const long Far = (5L << 30) + 12345;
        var tree = Directory.CreateDirectory(_root + "/tree").FullName;
        await using (var file = File.Create(tree + "/sparse"))
        {
            file.Write("begin"u8);
            file.Position = Far;
            file.Write("end"u8);
        }
        var image = Seal(tree, "sparse");
        new FileInfo(image).Length.ShouldBeLessThan(2 << 20);
        (await CommandResult.RunAsync("fsck.erofs", [image])).ShouldExit(0);
        using var mount = MountTree.Create("erofs", image, [], MountFlags.MOUNT_ATTR_RDONLY);
        using var read = File.OpenRead(mount.ProcPath + "/sparse");
        read.Length.ShouldBe(Far + 3);
        var bytes = new byte[5];
        read.ReadExactly(bytes);
        bytes.ShouldBe("begin"u8.ToArray());
        read.Position = Far - 2;
        read.ReadExactly(bytes);
        bytes.ShouldBe([0, 0, .. "end"u8]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0")]
    public void What_is_no_name_is_refused(string name) =>
        Should.Throw<WharfException>(() => new ErofsNode { Mode = FileStat.S_IFDIR }.Add(Encoding.UTF8.GetBytes(name), new ErofsNode { Mode = FileStat.S_IFREG })).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void A_name_that_is_there_twice_and_attributes_that_do_not_fit_are_refused()
    {
        var root = new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed };
        for (int i = 0; i < 2; i++) root.Add("same"u8.ToArray(), new ErofsNode { Mode = FileStat.S_IFREG });
        Should.Throw<WharfException>(() => Write(root, _ => { })).Message.ShouldContain("\"same\" is twice");
        Should.Throw<WharfException>(() => ErofsXattr.Of("user.large"u8, new byte[65536])).Message.ShouldContain("user.large");
        Should.Throw<WharfException>(() => ErofsXattr.Of("system.other"u8, [])).Message.ShouldContain("system.other");
        var many = new ErofsNode { Mode = FileStat.S_IFDIR | 0x1ed, Xattrs = [.. Enumerable.Range(0, 5).Select(i => ErofsXattr.Of("user.x"u8, new byte[60000]))] };
        Should.Throw<WharfException>(() => Write(many, _ => { })).Message.ShouldContain("attributes take 300052 bytes");
    }

    private string Seal(string tree, string name)
    {
        using var directory = OpenAt.Open(tree, O.RDONLY | O.DIRECTORY);
        ErofsNode? root = null;
        var path = $"{_root}/{name}";
        using var image = OpenAt.Open(path, O.RDWR | O.CREAT | O.EXCL, 0x180);
        using var aside = OpenAt.Open(_root, O.RDWR | O.TMPFILE, 0x180);
        var writer = new ErofsWriter(image, aside);
        root = new ErofsTree(writer, default).Read(directory);
        writer.Complete(root, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
        return path;
    }

    private string Write(ErofsNode root, Action<ErofsWriter> fill)
    {
        var path = _root + "/written";
        using var image = OpenAt.Open(path, O.RDWR | O.CREAT | O.TRUNC, 0x180);
        using var aside = OpenAt.Open(_root, O.RDWR | O.TMPFILE, 0x180);
        var writer = new ErofsWriter(image, aside);
        fill(writer);
        writer.Complete(root, Guid.Empty);
        return path;
    }

    /// <summary>A tree of files of all kinds, with sizes, names and times at the edges of what is allowed.</summary>
    private sealed class RandomTree(int seed)
    {
        private static readonly int[] Sizes = [0, 1, 100, 2047, 2048, 2049, 4000, 4032, 4095, 4096, 4097, 8192, 10_000, 70_000, 1_000_001];
        private readonly Random _random = new(seed);
        private readonly List<(Fd Directory, byte[] Name)> _files = [];

        public void Fill(Fd root)
        {
            FillDirectory(root, 0);
            FileAt.Check(FileAt.MakeDirectory(root.Value, "many"u8, 0x1ed), "mkdirat", []);
            using (var many = new Fd(FileAt.Check(FileAt.Open(root.Value, "many"u8, O.RDONLY | O.DIRECTORY), "open", [])))
                for (int i = 0; i < 1500; i++) FileAt.Check(FileAt.MakeNode(many.Value, Name(_random.Next(1, 60), i), FileStat.S_IFREG | 0x1a4, 0, 0), "mknodat", []);
            SetMetadata(root, "many"u8, isLink: false);
            foreach (var (directory, _) in _files) directory.Dispose();
        }

        private void FillDirectory(Fd directory, int depth)
        {
            for (int i = 0; i < (depth < 3 ? 14 : 5); i++)
            {
                var name = Name(_random.Next(8) == 0 ? 250 : _random.Next(1, 40), i);
                bool isLink = false;
                switch (_random.Next(9))
                {
                    case 0 or 1 when depth < 3:
                        FileAt.Check(FileAt.MakeDirectory(directory.Value, name, 0x1ed), "mkdirat", name);
                        using (var child = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY), "open", name))) FillDirectory(child, depth + 1);
                        break;
                    case 2:
                        isLink = true;
                        FileAt.Check(FileAt.Symlink(Name(_random.Next(2) == 0 ? _random.Next(1900, 4080) : _random.Next(1, 100), 1), directory.Value, name), "symlinkat", name);
                        break;
                    case 3:
                        FileAt.Check(FileAt.MakeNode(directory.Value, name, Pick([FileStat.S_IFCHR, FileStat.S_IFBLK]) | 0x1b0, (uint)_random.Next(4096), (uint)_random.Next(1 << 20)), "mknodat", name);
                        break;
                    case 4:
                        FileAt.Check(FileAt.MakeNode(directory.Value, name, Pick([FileStat.S_IFIFO, FileStat.S_IFSOCK]) | 0x180, 0, 0), "mknodat", name);
                        break;
                    case 5 when _files.Count > 0:
                        var (place, old) = _files[_random.Next(_files.Count)];
                        FileAt.Check(FileAt.Link(place.Value, old, directory.Value, name), "linkat", name);
                        continue;
                    case 6:
                        WriteSparse(directory, name);
                        break;
                    default:
                        using (var file = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.WRONLY | O.CREAT | O.EXCL, 0x1a4), "open", name))) FileAt.WriteAll(file.Value, Bytes(Sizes[_random.Next(Sizes.Length)]));
                        _files.Add((new Fd(FileAt.Check(FileAt.Open(directory.Value, "."u8, O.PATH | O.DIRECTORY), "open", name)), name));
                        break;
                }
                SetMetadata(directory, name, isLink);
            }
        }

        private void WriteSparse(Fd directory, byte[] name)
        {
            using var file = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.WRONLY | O.CREAT | O.EXCL, 0x1a4), "open", name));
            long at = 0;
            for (int i = _random.Next(6); i > 0; i--)
            {
                at += _random.Next(3 << 20);
                FileAt.WriteAllAt(file.Value, Bytes(_random.Next(1, 20_000)), at);
            }
            Linux.Syscalls.Libc.ftruncate(file.Value, at + _random.Next(1 << 20)).ShouldBe(0);
        }

        private void SetMetadata(Fd directory, ReadOnlySpan<byte> name, bool isLink)
        {
            bool isPlain = _random.Next(2) == 0;
            if (!isPlain) FileAt.Check(FileAt.ChangeOwner(directory.Value, name, Pick<uint>([0, 1000, 65535, 65536, 4_000_000_000]), Pick<uint>([0, 5, 100_000])), "fchownat", name);
            if (!isLink) FileAt.Check(FileAt.ChangeMode(directory.Value, name, Pick<uint>([0x1ed, 0x1a4, 0xfff, 0, 0x9c0])), "fchmodat", name);
            FileAt.Check(FileAt.Stat(directory.Value, name, out var stat), "statx", name);
            if (stat.IsRegular || stat.IsDirectory)
            {
                for (int i = _random.Next(4); i > 0; i--)
                    Set(directory, name, Encoding.ASCII.GetBytes(Pick(["user.", "trusted.", "trusted.overlay.", "security."]) + i), Bytes(Pick([0, 1, 3, 100, 600])));
                if (_random.Next(3) == 0) Set(directory, name, "system.posix_acl_access"u8, Acl);
                if (_random.Next(3) == 0 && stat.IsDirectory) Set(directory, name, "system.posix_acl_default"u8, Acl);
                if (_random.Next(3) == 0 && stat.IsRegular) Set(directory, name, "security.capability"u8, Capability);
            }
            var (seconds, nanoseconds) = isPlain ? (1_700_000_000, 0u) : (Pick<long>([0, 1, -5_000_000, 1_700_000_000, 4_500_000_000]), Pick<uint>([0, 1, 999_999_999]));
            FileAt.Check(FileAt.SetTimes(directory.Value, name, seconds, nanoseconds), "utimensat", name);
        }

        private static void Set(Fd directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute, byte[] value) => FileAt.Check(Xattr.Set(directory.Value, name, attribute, value), "setxattr", attribute);

        /// <summary>Any bytes but those that no name has, and a number, so that it is the only one.</summary>
        private byte[] Name(int length, int number)
        {
            var name = Bytes(length);
            for (int i = 0; i < name.Length; i++) if (name[i] is 0 or (byte)'/') name[i] = (byte)'!';
            return [.. name, .. Encoding.ASCII.GetBytes($"{number}")];
        }

        private byte[] Bytes(int length)
        {
            var bytes = new byte[length];
            _random.NextBytes(bytes);
            return bytes;
        }

        private T Pick<T>(T[] values) => values[_random.Next(values.Length)];
    }

    /// <summary>All there is to know of a tree, a line a name.</summary>
    private static class TreeListing
    {
        public static List<string> Of(Fd root)
        {
            var lines = new List<string>();
            var linked = new Dictionary<ulong, string>();
            Add(root, "", lines, linked);
            return lines;
        }

        private static void Add(Fd directory, string path, List<string> lines, Dictionary<ulong, string> linked)
        {
            foreach (var name in DirectoryEntries.Read(directory.Value))
            {
                FileAt.Check(FileAt.Stat(directory.Value, name, out var stat), "statx", name);
                var full = $"{path}/{Convert.ToHexString(name)}";
                // The number of a directory's names is the file system's affair.
                var line = $"{full} {stat.Mode:x} {stat.Uid}:{stat.Gid} {stat.ModifiedSeconds}.{stat.ModifiedNanoseconds} {stat.RdevMajor}:{stat.RdevMinor} {(stat.IsDirectory ? 0 : stat.Links)}";
                line += string.Concat(Xattr.List(directory.Value, name).Select(key => $" {Encoding.UTF8.GetString(key)}={Convert.ToHexString(Xattr.Get(directory.Value, name, key)!)}"));
                if (stat.IsSymlink) line += " -> " + Convert.ToHexString(FileAt.ReadLink(directory.Value, name));
                if (stat.IsRegular) line += $" {stat.Size} {Hash(directory, name)}";
                if (!stat.IsDirectory && stat.Links > 1) line += " same as " + (linked.TryAdd(stat.Inode, full) ? full : linked[stat.Inode]);
                lines.Add(line);
                if (!stat.IsDirectory) continue;
                using var child = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name));
                Add(child, full, lines, linked);
            }
        }

        private static string Hash(Fd directory, byte[] name)
        {
            using var file = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.NOFOLLOW), "open", name));
            using var stream = File.OpenRead(file.ProcPath);
            return Convert.ToHexString(SHA256.HashData(stream));
        }
    }
}
