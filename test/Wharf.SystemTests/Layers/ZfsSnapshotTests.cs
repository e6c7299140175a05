using Shouldly;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same on ZFS, and what only it has.</summary>
public sealed class ZfsSnapshotTests(ZfsDisk disk) : WholeRootSnapshotTests("zfs", "zfs", disk.Path), IClassFixture<ZfsDisk>
{
    protected override async Task LeaveHalfMadeAsync(string place)
    {
        (await CommandResult.RunAsync("umount", [place])).ShouldExit(0);
        File.Delete(Path.Combine(Path.GetDirectoryName(place)!, "whole.dataset"));
        await base.LeaveHalfMadeAsync(place);
    }

    [Fact]
    public async Task A_layer_is_a_clone_of_the_one_below_and_a_container_one_of_the_uppermost()
    {
        var low = await ApplyAsync(null, new Layer().File("kept", new string('k', 2 << 20)).File("d/gone", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("new", new string('n', 2 << 20)).Whiteout("d/gone").ToArray());
        for (int i = 0; i < 3; i++) await Snapshots.CreateWritableAsync("c" + i, top.ChainId, default);
        var names = Directory.GetFiles($"{Data}/snapshots/datasets").Select(file => $"{disk.Pool}/{Path.GetFileName(file)}").ToList();
        names.ShouldBeSubsetOf(await disk.DatasetsAsync());
        names.Select(static name => string.Join('-', name.Split('-')[2..4])).Order().ShouldBe(["1-whole", "2-whole", "3-root", "4-root", "5-root"]);
        using (var root = Snapshots.OpenRoot("c1")) File.WriteAllText($"{root.ProcPath}/changed", "by one");
        Snapshots.Changes("c1").Select(static change => change.Path).ShouldBe(["/changed"]);
        Snapshots.Changes("c2").ShouldBeEmpty();
        // Killed, and the machine started again: nothing is mounted any more.
        foreach (int number in new[] { 1, 2, 3, 4, 5 }) _ = Libc.umount2($"{Data}/snapshots/{number}/{(number < 3 ? "zfs" : "fs")}", 0);
        Snapshots.Changes("c1").Select(static change => change.Path).ShouldBe(["/changed"]);
        await Reopen();
        using (var root = Snapshots.OpenRootReadOnly("c1")) File.ReadAllText($"{root.ProcPath}/changed").ShouldBe("by one");
        for (int i = 0; i < 3; i++) await Snapshots.RemoveWritableAsync("c" + i, default);
        await Snapshots.CollectAsync(new HashSet<Specs.Image.Digest>(), default);
        await Snapshots.FinishBackgroundAsync();
        (await disk.DatasetsAsync()).Intersect(names).ShouldBeEmpty();
        Directory.EnumerateFiles($"{Data}/snapshots/datasets").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_writable_layer_holds_no_more_than_its_size()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default, 20 << 20);
        using var root = Snapshots.OpenRoot("c");
        var megabyte = new byte[1 << 20];
        Should.Throw<IOException>(() =>
        {
            using var file = File.Create($"{root.ProcPath}/big");
            for (int i = 0; i < 60; i++)
            {
                Random.Shared.NextBytes(megabyte);
                file.Write(megabyte);
                file.Flush(flushToDisk: true);
            }
        }).Message.ShouldContain("quota exceeded");
    }
}
