using Shouldly;
using Wharf.Linux.Fds;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same on btrfs, and what only it has.</summary>
public sealed class BtrfsSnapshotTests(BtrfsDisk disk) : WholeRootSnapshotTests("btrfs", "subvolume", disk.Path), IClassFixture<BtrfsDisk>
{
    [Fact]
    public async Task A_layer_is_applied_to_a_snapshot_of_the_one_below_and_shares_its_data()
    {
        var low = await ApplyAsync(null, new Layer().File("kept", new string('k', 2 << 20)).File("d/gone", "1").File("e/hidden", "1").Directory("mode", 0x1c0).ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("new", new string('n', 2 << 20)).Whiteout("d/gone").Directory("e").Opaque("e").Directory("mode", 0x1ff, 3, 4).ToArray());
        for (int i = 0; i < 3; i++) await Snapshots.CreateWritableAsync("c" + i, top.ChainId, default);
        (await CommandResult.RunAsync("sync", ["-f", Data])).ShouldExit(0);
        // 4 MiB of data, once, however many trees show them; and every tree of the stack and of the containers is a subvolume.
        var used = (await CommandResult.RunAsync("btrfs", ["filesystem", "du", "-s", "--raw", Data])).ShouldExit(0).Text.Split('\n')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        (long.Parse(used[1]) + long.Parse(used[2])).ShouldBeInRange(4 << 20, (4 << 20) + 400_000);
        (await SubvolumesAsync()).ShouldBe(["1/subvolume", "2/subvolume", "3/fs", "4/fs", "5/fs"]);
        Directory.GetFileSystemEntries($"{Data}/snapshots/2/subvolume").Select(Path.GetFileName).Order().ShouldBe(["d", "e", "kept", "mode", "new"]);
        Directory.GetFileSystemEntries($"{Data}/snapshots/2/subvolume/d").Concat(Directory.GetFileSystemEntries($"{Data}/snapshots/2/subvolume/e")).ShouldBeEmpty();
        for (int i = 0; i < 3; i++) await Snapshots.RemoveWritableAsync("c" + i, default);
        await Snapshots.CollectAsync(new HashSet<Specs.Image.Digest>(), default);
        await Snapshots.FinishBackgroundAsync();
        (await SubvolumesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Subvolumes_that_a_container_made_in_its_root_go_with_it_read_only_ones_and_nested_ones_too()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default);
        const string Make = """
            btrfs subvolume create d/e/one && btrfs subvolume create d/e/one/two && mkdir d/e/one/two/deep && btrfs subvolume create d/e/one/two/deep/three && touch d/e/one/two/deep/three/f
            btrfs subvolume snapshot -r d/e/one d/e/sealed && btrfs subvolume snapshot d/e/one d/e/one/copy && btrfs subvolume snapshot -r d/e/one/two d/e/one/copy/sealed
            for i in $(seq 200); do n=${n:-.}/n; done && mkdir -p $n d/e/one/copy/$n && btrfs subvolume create $n/far && btrfs subvolume create d/e/one/copy/$n/far && touch .wharf-deep-0
            btrfs property set d/e/one/copy ro true
            """;
        (await CommandResult.RunAsync("sh", ["-ec", $"cd {Data}/snapshots/2/fs && mkdir -p d/e\n{Make}"])).ShouldExit(0);
        (await SubvolumesAsync()).Count.ShouldBe(10);
        await Snapshots.RemoveWritableAsync("c", default);
        await Snapshots.FinishBackgroundAsync();
        Directory.Exists($"{Data}/snapshots/2").ShouldBeFalse();
        (await SubvolumesAsync()).ShouldBe(["1/subvolume"]);
    }

    [Fact]
    public async Task Changes_are_the_same_told_by_the_subvolume_that_a_container_began_as_by_another_and_by_the_layers_alone()
    {
        var low = await ApplyAsync(null, new Layer().File("bin/ping", "ping").File("bin/cat", "cat").File("d/written", "1234").File("d/kept", "1").File("e/moved", "1").File("e/gone", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("d/top", "top").Directory("e").Whiteout("e/gone").ToArray());
        await Snapshots.CreateWritableAsync("c", top.ChainId, default);
        Snapshots.Changes("c").ShouldBeEmpty();
        var root = $"{Data}/snapshots/3/fs";
        // Nothing else of the first two shows: an attribute does not change the time of the data, and the other's time is set back.
        using (var file = OpenAt.Open(root + "/bin/ping", O.RDONLY)) FileAt.Check(Xattr.Set(file.Value, "security.capability"u8, CapNetRaw), "fsetxattr", "ping"u8);
        const string Change = """
            chown 0:7 bin/cat; time=$(stat -c @%.9Y d/written); printf 12345 > d/written; touch -d $time d/written
            mkdir -p n; mv e/moved n/moved; rm d/top; mkdir f; ln d/kept f/linked; rm .dockerenv
            """;
        (await CommandResult.RunAsync("sh", ["-ec", $"cd {root} && {Change}"])).ShouldExit(0);
        const string Expected = "D/.dockerenv C/bin C/bin/cat C/bin/ping C/d D/d/top C/d/written C/e D/e/moved A/f A/f/linked A/n A/n/moved";
        string Told() => string.Join(' ', Snapshots.Changes("c").Select(change => "CAD"[(int)change.Kind!] + change.Path!));
        Told().ShouldBe(Expected);
        Snapshots.Sizes("c").Writable.ShouldBe("ping".Length + "cat".Length + 5 + 1 + 1);
        (await CommandResult.RunAsync("btrfs", ["subvolume", "delete", $"{Data}/snapshots/2/subvolume"])).ShouldExit(0);
        Told().ShouldBe(Expected);
        Snapshots.LayerPaths(top.ChainId).ShouldBe([$"{Data}/snapshots/2/subvolume"]);
        Told().ShouldBe(Expected);
        // A container of the new one, in which another subvolume with a file of the same number takes a directory's place.
        await Snapshots.CreateWritableAsync("d", top.ChainId, default);
        (await CommandResult.RunAsync("sh", ["-ec", $"cd {Data}/snapshots/4/fs && mv d old && btrfs subvolume snapshot ../../2/subvolume d && touch -d @0 d/d/kept"])).ShouldExit(0);
        var changes = Snapshots.Changes("d").ToDictionary(change => change.Path!, change => change.Kind);
        (changes["/d"], changes["/d/kept"], changes["/d/d"], changes["/old"], changes.ContainsKey("/bin")).ShouldBe((0, 2, 1, 1, false));
    }

    // vfs_cap_data of linux/capability.h, revision 2, in effect: CAP_NET_RAW permitted.
    private static ReadOnlySpan<byte> CapNetRaw => [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    [Fact]
    public async Task A_container_remains_what_it_was_made_as_under_another_driver()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default);
        await Reopen("vfs");
        await Snapshots.CreateWritableAsync("d", layer.ChainId, default);
        await Reopen("overlay2");
        await Snapshots.CreateWritableAsync("e", layer.ChainId, default);
        ((string[])["c", "d", "e"]).Select(Snapshots.DriverOf).ShouldBe(["btrfs", "vfs", "overlay2"]);
        foreach (var key in (string[])["c", "d", "e"])
        {
            using var root = Snapshots.OpenRoot(key);
            Read(root, "f").ShouldBe("1");
        }
    }

    private async Task<List<string>> SubvolumesAsync()
    {
        var list = (await CommandResult.RunAsync("btrfs", ["subvolume", "list", disk.Path])).ShouldExit(0).Text;
        var mine = Path.GetFileName(Data) + "/snapshots/";
        return [.. list.Split('\n').Select(line => line.Split(" path ")[^1]).Where(path => path.StartsWith(mine, StringComparison.Ordinal)).Select(path => path[mine.Length..]).Order(StringComparer.Ordinal)];
    }
}
