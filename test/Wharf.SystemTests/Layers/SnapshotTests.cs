using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Engine.State;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>Snapshots on a real file system with real overlay mounts. Needs root, no daemon.</summary>
public sealed class OverlaySnapshotTests() : SnapshotTests("overlay2");

/// <summary>What holds of layers and containers' file systems, whatever puts them together.</summary>
public abstract partial class SnapshotTests : IAsyncDisposable
{
    private readonly string _driver;
    private readonly string _data;
    private StateStore _state;
    private SnapshotService _snapshots;

    protected string Data => _data;
    protected SnapshotService Snapshots => _snapshots;

    protected SnapshotTests(string driver, string? place = null)
    {
        _driver = driver;
        _data = Directory.CreateDirectory(Path.Combine(place ?? Path.GetTempPath(), "wharf-layers-" + Guid.NewGuid().ToString("N")[..8])).FullName;
        (_state, _snapshots) = Open(driver);
    }

    private (StateStore, SnapshotService) Open(string driver)
    {
        var state = new StateStore(_data);
        return (state, new SnapshotService(new DaemonOptions { DataRoot = _data, StorageDriver = driver, Limits = new Limits { MinObjectSize = 1 } }, state, NullLogger<SnapshotService>.Instance));
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _snapshots.DisposeAsync();
        _state.Dispose();
        TreeRemoval.Remove(_data);
    }

    [Fact]
    public async Task A_layer_is_written_again_byte_for_byte_even_when_its_members_replace_each_other()
    {
        var tar = new Layer().Directory("d").File("d/a", "first").File("d/a", "second").File("x/deep/f", "lost").File("x", "file now")
            .HardLink("h", "d/a").File("d/a", "third").Symlink("l", "d").File("l/through", "via link").Symlink("l", "nowhere").File("empty", "")
            .Whiteout("gone").File("big", new string('b', 300_000)).ToArray();
        // Some writers pad to a record of 20 blocks, and what follows the end still counts.
        tar = [.. tar, .. new byte[7168], 1, 2, 3];
        var layer = await ApplyAsync(null, tar);
        layer.DiffId.ShouldBe(Digest.OfBytes(tar));
        var output = new MemoryStream();
        await _snapshots.WriteLayerTarAsync(layer.ChainId, output, default);
        output.ToArray().AsSpan().SequenceEqual(tar).ShouldBeTrue();
    }

    [Fact]
    public async Task Whiteouts_hide_what_is_below_and_nothing_of_their_own_layer()
    {
        var low = await ApplyAsync(null, new Layer().File("a", "1").File("b", "1").File("d/x", "1").File("d/y", "1").File("e/x", "1").File("g/x", "1").File("keep", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer()
            .Whiteout("a").File("b", "2").Whiteout("b").Whiteout("d/x").File("e/new", "2").Opaque("e").Whiteout("g").Directory("g").File("g/own", "2").ToArray());
        await _snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        Names(root, "").ShouldBe(".dockerenv b d dev e etc g keep proc sys");
        Names(root, "d").ShouldBe("y");
        Names(root, "e").ShouldBe("new");
        Names(root, "g").ShouldBe("own");
        Read(root, "b").ShouldBe("2");
    }

    [Fact]
    public async Task An_opaque_root_hides_everything_below()
    {
        var low = await ApplyAsync(null, new Layer().File("a", "1").File("d/x", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().Opaque("").File("d/y", "2").ToArray());
        await _snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        Names(root, "").ShouldNotContain("a ");
        Names(root, "d").ShouldBe("y");
    }

    [Fact]
    public async Task A_layer_that_leaves_a_directory_out_leaves_its_owner_and_mode_as_they_were()
    {
        var low = await ApplyAsync(null, new Layer().Directory("tmp", 0x3ff, 7, 8).ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("tmp/f", "1").ToArray());
        await _snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        using var tmp = OpenAt.InRoot(root, "tmp", O.PATH);
        var stat = FileStat.Of(tmp);
        (stat.Permissions, stat.Uid, stat.Gid).ShouldBe((0x3ffu, 7u, 8u));
    }

    [Fact]
    public async Task A_hard_link_to_a_file_of_a_lower_layer_makes_one_file_of_both()
    {
        var low = await ApplyAsync(null, new Layer().File("d/a", "content").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().HardLink("b", "d/a").ToArray());
        await _snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        using var a = OpenAt.InRoot(root, "d/a", O.PATH);
        using var b = OpenAt.InRoot(root, "b", O.PATH);
        FileStat.Of(a).Inode.ShouldBe(FileStat.Of(b).Inode);
        Read(root, "b").ShouldBe("content");
    }

    [Fact]
    public async Task Devices_owners_capabilities_and_nanoseconds_are_kept_and_overlay_marks_are_not()
    {
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        var entry = new TarEntry
        {
            Name = "ping"u8.ToArray(), Mode = 0x9ed, Uid = 5, Gid = 3_000_000, ModifiedSeconds = 1_700_000_000, ModifiedNanoseconds = 123_456_789,
            Xattrs = [new("security.capability"u8.ToArray(), capability), new("user.bin"u8.ToArray(), [0, 255, 10]), new("trusted.overlay.opaque"u8.ToArray(), "y"u8.ToArray())],
        };
        var layer = await ApplyAsync(null, new Layer().Add(entry, "data").Add(new TarEntry { Type = TarType.CharDevice, Name = "null"u8.ToArray(), Mode = 0x1b6, DeviceMajor = 1, DeviceMinor = 3 }).ToArray());
        await _snapshots.CreateWritableAsync("c", layer.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        using var ping = OpenAt.InRoot(root, "ping", O.RDONLY);
        var stat = FileStat.Of(ping);
        (stat.Permissions, stat.Uid, stat.Gid, stat.ModifiedSeconds, stat.ModifiedNanoseconds).ShouldBe((0x9edu, 5u, 3_000_000u, 1_700_000_000L, 123_456_789u));
        Xattr.Get(root.Value, "ping"u8, "security.capability"u8).ShouldBe(capability);
        Xattr.Get(root.Value, "ping"u8, "user.bin"u8).ShouldBe([0, 255, 10]);
        using var device = OpenAt.InRoot(root, "null", O.PATH);
        (FileStat.Of(device).RdevMajor, FileStat.Of(device).RdevMinor).ShouldBe((1u, 3u));
    }

    [Fact]
    public async Task Changes_and_the_commit_of_them_tell_what_was_done()
    {
        var layer = await ApplyAsync(null, new Layer().File("etc/passwd", "root").File("bin/vi", "vi").File("bin/cat", "cat").File("root/old", "1").File("sbin/x", "1").Directory("tmp").ToArray());
        await _snapshots.CreateWritableAsync("c", layer.ChainId, default);
        using (var root = _snapshots.OpenRoot("c"))
        {
            var path = root.ProcPath;
            Directory.CreateDirectory(path + "/n/m");
            File.WriteAllText(path + "/n/m/f", "1");
            File.AppendAllText(path + "/etc/passwd", "more");
            File.Delete(path + "/bin/vi");
            Directory.Delete(path + "/root", recursive: true);
            Directory.CreateDirectory(path + "/root");
            File.WriteAllText(path + "/root/new", "1");
            File.SetUnixFileMode(path + "/tmp", UnixFileMode.UserRead);
            Directory.Delete(path + "/sbin", recursive: true);
            File.WriteAllText(path + "/sbin", "file");
            // Opened for writing and left as it was: copied up, not changed.
            File.Open(path + "/bin/cat", System.IO.FileMode.Open, FileAccess.ReadWrite).Dispose();
        }
        string.Join(' ', _snapshots.Changes("c").Select(change => "CAD"[(int)change.Kind!] + change.Path!)).ShouldBe(
            "C/bin D/bin/vi C/etc C/etc/passwd A/n A/n/m A/n/m/f C/root A/root/new D/root/old C/sbin C/tmp");
        // Only who puts layers over each other has what was copied up for nothing.
        _snapshots.WritableSize("c").ShouldBe("rootmore".Length + (_driver is "overlay2" or "erofs" or "composefs" or "fuse-overlayfs" ? "cat".Length : 0) + 2 + "file".Length);

        var output = new MemoryStream();
        await _snapshots.WriteChangesTarAsync("c", output, default);
        var committed = await ApplyAsync(layer.ChainId, output.ToArray());
        await _snapshots.CreateWritableAsync("d", committed.ChainId, default);
        _snapshots.Changes("d").ShouldBeEmpty();
        using var again = _snapshots.OpenRoot("d");
        Names(again, "bin").ShouldBe("cat");
        Names(again, "root").ShouldBe("new");
        Read(again, "sbin").ShouldBe("file");
    }

    [Fact]
    public async Task What_a_container_holds_is_counted_once_however_many_names_it_has()
    {
        var layer = await ApplyAsync(null, new Layer().File("below", "12345").ToArray());
        await _snapshots.CreateWritableAsync("c", layer.ChainId, default);
        using (var root = _snapshots.OpenRoot("c"))
            (await CommandResult.RunAsync("sh", ["-ec", $"cd /proc/{Environment.ProcessId}/fd/{root.Value}; mkdir d; printf 1234567 > d/f; ln d/f g; ln d/f d/h; printf 6 >> below"])).ShouldExit(0);
        _snapshots.WritableSize("c").ShouldBe(7 + 6);
        _snapshots.Sizes("c").ShouldBe((7 + 6, 7 + 6 + 5));
    }

    [Fact]
    public async Task A_wrong_digest_or_a_cut_layer_leaves_nothing()
    {
        var tar = new Layer().File("a", new string('x', 5000)).ToArray();
        var wrong = await Should.ThrowAsync<WharfException>(_snapshots.ApplyAsync(null, Digest.OfBytes([1]), new MemoryStream(tar), default));
        wrong.Kind.ShouldBe(ErrorKind.InvalidArgument);
        await Should.ThrowAsync<WharfException>(_snapshots.ApplyAsync(null, null, new MemoryStream(tar[..3000]), default));
        await Reopen();
        _snapshots.Exists(Digest.OfBytes(tar)).ShouldBeFalse();
        Numbered().ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_layer_applied_at_once_is_unpacked_once()
    {
        var tar = new Layer().File("a", new string('x', 500_000)).ToArray();
        var diffId = Digest.OfBytes(tar);
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _snapshots.ApplyAsync(null, diffId, new MemoryStream(tar), default)));
        all.Distinct().Count().ShouldBe(1);
        Numbered().Count().ShouldBe(1);
    }

    [Fact]
    public async Task Layers_unpacked_side_by_side_are_what_they_are_one_after_the_other()
    {
        // The middle one needs the lowest for a directory it leaves out and for a file it links to, the highest for what its opaque root hides.
        byte[][] tars =
        [
            new Layer().Directory("tmp", 0x3ff, 7, 8).File("d/a", "content").File("old", "1").ToArray(),
            new Layer().File("tmp/f", "1").HardLink("b", "d/a").ToArray(),
            new Layer().Directory("new").File("new/x", "2").Whiteout("old").ToArray(),
            new Layer().Opaque("").File("tmp/g", "2").ToArray(),
        ];
        var (diffIds, done) = (tars.Select(tar => Digest.OfBytes(tar)).ToList(), tars.Select(_ => new TaskCompletionSource()).ToList());
        var chains = new List<Digest>();
        foreach (var diffId in diffIds) chains.Add(ChainId.Of(chains.Count == 0 ? null : chains[^1], diffId));
        Task<LayerInfo> Begin(int i) => _snapshots.ApplyAsync(i == 0 ? null : chains[i - 1], i == 0 ? Task.CompletedTask : done[i - 1].Task, diffIds[i], new MemoryStream(tars[i]), default);
        var layers = Enumerable.Range(0, tars.Length).Reverse().Select(i => (Index: i, Layer: i == 0 ? null : Begin(i))).Where(layer => layer.Layer is not null).ToList();
        _snapshots.Exists(chains[^1]).ShouldBeFalse();
        await Begin(0);
        done[0].SetResult();
        foreach (var (index, layer) in layers.AsEnumerable().Reverse())
        {
            (await layer!).ChainId.ShouldBe(chains[index]);
            done[index].SetResult();
        }
        await _snapshots.CreateWritableAsync("middle", chains[2], default);
        using (var root = _snapshots.OpenRoot("middle"))
        {
            Names(root, "").ShouldBe(".dockerenv b d dev etc new proc sys tmp");
            using var tmp = OpenAt.InRoot(root, "tmp", O.PATH);
            var stat = FileStat.Of(tmp);
            (stat.Permissions, stat.Uid, stat.Gid).ShouldBe((0x3ffu, 7u, 8u));
            using var a = OpenAt.InRoot(root, "d/a", O.PATH);
            using var b = OpenAt.InRoot(root, "b", O.PATH);
            FileStat.Of(a).Inode.ShouldBe(FileStat.Of(b).Inode);
        }
        await _snapshots.CreateWritableAsync("top", chains[3], default);
        using var highest = _snapshots.OpenRoot("top");
        Names(highest, "tmp").ShouldBe("g");
        Names(highest, "").ShouldNotContain("new");
        foreach (var (chain, tar) in chains.Zip(tars))
        {
            var output = new MemoryStream();
            await _snapshots.WriteLayerTarAsync(chain, output, default);
            output.ToArray().AsSpan().SequenceEqual(tar).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task A_layer_whose_parent_fails_meanwhile_fails_with_it_and_leaves_nothing()
    {
        var (below, tar) = (new TaskCompletionSource(), new Layer().File("a", "1").ToArray());
        var layer = _snapshots.ApplyAsync(Digest.OfBytes([1]), below.Task, Digest.OfBytes(tar), new MemoryStream(tar), default);
        below.SetException(WharfException.Invalid("the lower one is damaged"));
        (await Should.ThrowAsync<WharfException>(layer)).Message.ShouldBe("the lower one is damaged");
        await _snapshots.FinishBackgroundAsync();
        Numbered().ShouldBeEmpty();
    }

    [Fact]
    public async Task What_a_killed_daemon_left_is_removed_at_start_and_the_rest_is_there()
    {
        var layer = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        await _snapshots.CreateWritableAsync("c", layer.ChainId, default);
        Directory.CreateDirectory(Path.Combine(_data, "snapshots/77/fs/half"));
        await Reopen();
        _snapshots.Exists(layer.ChainId).ShouldBeTrue();
        Numbered().Count().ShouldBe(2);
        using (var root = _snapshots.OpenRoot("c")) Read(root, "a").ShouldBe("1");
        await _snapshots.RemoveWritableAsync("c", default);
        await _snapshots.RemoveWritableAsync("c", default);
        await Reopen();
        Numbered().Count().ShouldBe(1);
    }

    [Fact]
    public async Task After_a_power_cut_a_layer_whose_bytes_are_lost_is_dropped_and_a_whole_one_made_anew()
    {
        var whole = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        var above = await ApplyAsync(whole.ChainId, new Layer().File("c", "1").ToArray());
        var torn = await ApplyAsync(null, new Layer().File("b", "12345").ToArray());
        var aboveTorn = await ApplyAsync(torn.ChainId, new Layer().File("c", "1").ToArray());
        await _snapshots.DisposeAsync();
        _state.Execute("update snapshots set boot = 'another'");
        await DamageAsync(_data + "/snapshots/3/fs", ": > b");
        await DamageAsync(_data + "/snapshots/1/fs", "chmod 0 a");
        _state.Dispose();
        (_state, _snapshots) = Open(_driver);
        new[] { whole, above, torn, aboveTorn }.Select(layer => _snapshots.Exists(layer.ChainId)).ShouldBe([true, true, false, false]);
        await Reopen();
        await _snapshots.CreateWritableAsync("c", above.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        using var file = OpenAt.InRoot(root, "a", O.RDONLY);
        FileStat.Of(file).Permissions.ShouldBe(0x1a4u);
        Numbered().Count().ShouldBe(3);
    }

    [Fact]
    public async Task Collection_keeps_what_images_and_containers_need()
    {
        var a = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        var b = await ApplyAsync(a.ChainId, new Layer().File("b", "1").ToArray());
        var c = await ApplyAsync(a.ChainId, new Layer().File("c", "12345").ToArray());
        var d = await ApplyAsync(c.ChainId, new Layer().File("d", "123").ToArray());
        await _snapshots.CreateWritableAsync("w", b.ChainId, default);
        (await _snapshots.CollectAsync(new HashSet<Digest> { c.ChainId }, default)).ShouldBe(3);
        (await _snapshots.CollectAsync(new HashSet<Digest>(), default)).ShouldBe(5);
        new[] { a, b, c, d }.Select(layer => _snapshots.Exists(layer.ChainId)).ShouldBe([true, true, false, false]);
    }

    [Fact]
    public async Task A_tree_nested_deeper_than_any_path_is_removed()
    {
        await _snapshots.CreateWritableAsync("deep", null, default);
        var mount = _snapshots.Mounts("deep")[0];
        var upper = mount.Type == "bind" ? mount.Source! : mount.Options!.Single(option => option.StartsWith("upperdir=", StringComparison.Ordinal))["upperdir=".Length..];
        var at = OpenAt.Open(upper, O.RDONLY | O.DIRECTORY);
        for (int i = 0; i < 5000; i++)
        {
            FileAt.Check(FileAt.MakeDirectory(at.Value, "some-directory"u8, 0x1ed), "mkdirat", "some-directory"u8);
            int next = FileAt.Check(FileAt.Open(at.Value, "some-directory"u8, O.RDONLY | O.DIRECTORY), "open", "some-directory"u8);
            at.Dispose();
            at = new Fd(next);
        }
        at.Dispose();
        _snapshots.WritableSize("deep").ShouldBe(0);
        _snapshots.Changes("deep").Count.ShouldBeGreaterThan(1000);
        await _snapshots.RemoveWritableAsync("deep", default);
        await Reopen();
        Numbered().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_stack_of_as_many_layers_as_allowed_can_be_mounted()
    {
        Digest? top = null;
        for (int i = 0; i < new Limits().MaxLayers; i++) top = (await ApplyAsync(top, new Layer().File("f" + i, "1").ToArray())).ChainId;
        await _snapshots.CreateWritableAsync("c", top, default);
        using var root = _snapshots.OpenRoot("c");
        Read(root, "f0").ShouldBe("1");
        Read(root, "f126").ShouldBe("1");
        using var readOnly = _snapshots.OpenRootReadOnly("c");
        Read(readOnly, "f0").ShouldBe("1");
    }

    protected async Task Reopen(string? driver = null)
    {
        await _snapshots.DisposeAsync();
        _state.Dispose();
        (_state, _snapshots) = Open(driver ?? _driver);
        await _snapshots.FinishBackgroundAsync();
    }

    protected Task<LayerInfo> ApplyAsync(Digest? parent, byte[] tar) => _snapshots.ApplyAsync(parent, null, new MemoryStream(tar), default);

    private IEnumerable<string> Numbered() => Directory.GetDirectories(Path.Combine(_data, "snapshots")).Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0]));

    private static string Names(Fd root, string path)
    {
        using var directory = OpenAt.InRoot(root, "/" + path, O.RDONLY | O.DIRECTORY);
        return string.Join(' ', DirectoryEntries.Read(directory.Value).Select(Encoding.UTF8.GetString));
    }

    protected static string Read(Fd root, string path)
    {
        using var file = OpenAt.InRoot(root, path, O.RDONLY);
        return File.ReadAllText(file.ProcPath);
    }
}
