using Shouldly;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same with layers that are EROFS images.</summary>
public sealed class ErofsSnapshotTests() : ImageSnapshotTests("erofs", "erofs fs tar");

/// <summary>What only layers that are images have, whether with or without the contents of their files.</summary>
public abstract class ImageSnapshotTests(string driver, string names) : SnapshotTests(driver)
{
    [Fact]
    public async Task A_layer_is_one_file_beside_its_journal_and_is_mounted_from_when_it_is_needed_to_the_daemon_s_end()
    {
        var low = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("b", "1").ToArray());
        await Snapshots.FinishBackgroundAsync();
        Names(1).ShouldBe(names);
        (Mounted(1), Mounted(2)).ShouldBe((true, false)); // the upper one looked for what it may hide
        await Reopen();
        (Mounted(1), Mounted(2)).ShouldBe((false, false));
        using (var root = Snapshots.OpenLayers(top.ChainId)) (Read(root, "a"), Read(root, "b")).ShouldBe(("1", "1"));
        (Mounted(1), Mounted(2)).ShouldBe((true, true));
        // What reads on has it still.
        await Snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var running = Snapshots.OpenRoot("c");
        await Reopen();
        (Mounted(1), Mounted(2)).ShouldBe((false, false));
        (Read(running, "a"), Read(running, "b")).ShouldBe(("1", "1"));
        using var again = Snapshots.OpenRootReadOnly("c");
        Read(again, "a").ShouldBe("1");
        await Snapshots.RemoveWritableAsync("c", default);
        await Snapshots.CollectAsync(new HashSet<Specs.Image.Digest>(), default);
        await Snapshots.FinishBackgroundAsync();
        Directory.Exists(Data + "/snapshots/1").ShouldBeFalse();
        (Mounted(1), Mounted(2)).ShouldBe((false, false));
    }

    [Fact]
    public async Task What_a_kill_left_of_a_tree_that_became_an_image_is_removed_and_a_mount_that_it_left_is_used()
    {
        var layer = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        await Snapshots.FinishBackgroundAsync();
        await Snapshots.DisposeAsync();
        Directory.CreateDirectory(Data + "/snapshots/1/fs.new/half");
        Directory.CreateDirectory(Data + "/snapshots/7/fs");
        File.Copy(Data + "/snapshots/1/erofs", Data + "/snapshots/7/erofs");
        foreach (var number in new[] { 1, 7 })
        {
            using var place = OpenAt.Open($"{Data}/snapshots/{number}/fs", O.PATH | O.DIRECTORY);
            using var mount = MountTree.Create("erofs", $"{Data}/snapshots/{number}/erofs", [], MountFlags.MOUNT_ATTR_RDONLY);
            MountTree.Attach(mount, place, "fs");
        }
        await Reopen();
        Names(1).ShouldBe(names);
        Directory.Exists(Data + "/snapshots/7").ShouldBeFalse();
        Mounted(7).ShouldBeFalse();
        (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
        MountInfo.All().Count(mount => mount.Place == Data + "/snapshots/1/fs").ShouldBe(1);
    }

    [Fact]
    public async Task A_data_root_changes_drivers_and_layers_of_both_kinds_lie_over_each_other()
    {
        var image = await ApplyAsync(null, new Layer().File("a", "1").File("d/x", "1").ToArray());
        await Reopen("overlay2");
        var tree = await ApplyAsync(image.ChainId, new Layer().File("b", "1").Whiteout("d/x").ToArray());
        await Snapshots.CreateWritableAsync("c", tree.ChainId, default);
        await Reopen();
        var top = await ApplyAsync(tree.ChainId, new Layer().File("d/y", "1").ToArray());
        await Snapshots.CreateWritableAsync("d", top.ChainId, default);
        foreach (var driver in new[] { "overlay2", "erofs", "composefs", "vfs" })
        {
            await Reopen(driver);
            using var root = Snapshots.OpenRoot("d");
            (Read(root, "a"), Read(root, "b"), Read(root, "d/y"), File.Exists(root.ProcPath + "/d/x")).ShouldBe(("1", "1", "1", false));
            using var other = Snapshots.OpenRoot("c");
            Read(other, "b").ShouldBe("1");
            await Snapshots.CreateWritableAsync(driver, top.ChainId, default);
            using var made = Snapshots.OpenRoot(driver);
            (Read(made, "a"), File.Exists(made.ProcPath + "/d/x")).ShouldBe(("1", false));
            foreach (var (chain, _, _) in Snapshots.Layers()) (await Snapshots.VerifyAsync(chain, default)).Problem.ShouldBeNull();
        }
        Names(1).ShouldBe(names);
        Names(2).ShouldStartWith("fs "); // with what the driver made of a stack beside it
        Names(2).ShouldEndWith(" tar");
    }

    [Fact]
    public async Task A_file_keeps_its_number_when_it_is_written_and_all_of_a_root_is_one_device()
    {
        var low = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("d/b", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", top.ChainId, default);
        using var root = Snapshots.OpenRoot("c");
        File.WriteAllText(root.ProcPath + "/new", "1");
        var before = Stat("a");
        foreach (var path in new[] { "d", "d/b", "new", "proc" }) Stat(path).SameDevice(before).ShouldBeTrue(path);
        File.AppendAllText(root.ProcPath + "/a", "2");
        Stat("a").SameFile(before).ShouldBeTrue();

        FileStat Stat(string path)
        {
            using var file = OpenAt.InRoot(root, path, O.PATH);
            return FileStat.Of(file);
        }
    }

    [Fact]
    public async Task An_image_that_cannot_be_mounted_is_found_and_made_anew()
    {
        var tar = new Layer().File("a", "1").ToArray();
        var layer = await ApplyAsync(null, tar);
        using (var image = File.OpenWrite(Data + "/snapshots/1/erofs"))
        {
            image.Position = 1100;
            image.WriteByte(77);
        }
        (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldNotBeNull().ShouldStartWith(Data + "/snapshots/1/erofs cannot be mounted: fsconfig create");
        (await Should.ThrowAsync<IOException>(Snapshots.CreateWritableAsync("c", layer.ChainId, default))).Message.ShouldContain("cannot be mounted");
        (await Snapshots.RemakeAsync(layer.ChainId, default)).ShouldBeFalse();
        (await Snapshots.RemakeAsync(layer.ChainId, new MemoryStream(tar), default)).ShouldBeTrue();
        (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
    }

    /// <summary>An image cannot be changed: it is made anew of a changed copy of its files.</summary>
    protected override async Task DamageAsync(string tree, string command)
    {
        var directory = Path.GetDirectoryName(tree)!;
        var images = new LayerImages(Data);
        images.Show(directory);
        var copies = Directory.CreateDirectory(Data + "/copies").FullName;
        (await CommandResult.RunAsync("sh", ["-ec", $"cp -a --sparse=always {tree} {copies}/tree && cd {copies}/tree && {Fill} && {command}"])).ShouldExit(0);
        images.Hide(directory);
        Directory.Delete(tree);
        File.Delete(directory + "/erofs");
        using (var place = OpenAt.Open(directory, O.RDONLY | O.DIRECTORY))
        using (var changed = OpenAt.Open(copies + "/tree", O.RDONLY | O.DIRECTORY)) Seal(images, place, changed, directory);
        TreeRemoval.Remove(copies);
    }

    /// <summary>A command that gives files their contents in a copy of an image's tree.</summary>
    protected virtual string Fill => "true";

    private protected virtual void Seal(LayerImages images, Fd place, Fd tree, string directory) => images.Seal(place, tree, Specs.Image.Digest.OfBytes([]), null, default);

    protected string Names(int number) => string.Join(' ', Directory.GetFileSystemEntries($"{Data}/snapshots/{number}").Select(Path.GetFileName).Order());

    private bool Mounted(int number) => MountInfo.All().Any(mount => mount.Place == $"{Data}/snapshots/{number}/fs");
}
