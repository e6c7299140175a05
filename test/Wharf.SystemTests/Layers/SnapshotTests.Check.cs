using Shouldly;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Specs.Image;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

public abstract partial class SnapshotTests
{
    private const string AtOldTime = "touch -h -d @1000000000";

    /// <summary>What a shell does to the tree of the upper of two layers, what a check says of it, and whether the layer's tar is still whole.</summary>
    [Theory]
    [InlineData($"printf CONTENT > d/f && {AtOldTime} d/f", "is damaged: it gives", false)]
    [InlineData("rm d/f", "d/f", false)]
    [InlineData($"printf cont > d/f && {AtOldTime} d/f", "d/f is shorter than it was", false)]
    [InlineData($"printf more >> d/f && {AtOldTime} d/f", "d/f has data where its layer has none", true)]
    [InlineData($"truncate -s 20 d/f && {AtOldTime} d/f", "/d/f has 20 bytes instead of 7", true)]
    [InlineData("chmod 600 d/f", "/d/f has mode 0600, owner 0:0 and device 0:0 instead of 0644, 0:0 and 0:0", true)]
    [InlineData("chown 7:8 d", "/d has mode 0755, owner 7:8", true)]
    [InlineData("chmod u-s suid", "/suid has mode 0755", true)]
    [InlineData("chmod 700 .", "/ has mode 0700", true)]
    [InlineData("touch d/f", "/d/f was changed at another time", true)]
    [InlineData("setfattr -n user.x -v other d/f", "/d/f has other extended attributes", true)]
    [InlineData("setfattr -n user.more -v 1 d", "/d has other extended attributes", true)]
    [InlineData("setfattr -x trusted.overlay.opaque e", "/e has other extended attributes", true)]
    [InlineData("rm empty", "/empty is missing", true)]
    [InlineData("rmdir hollow", "/hollow is missing", true)]
    [InlineData("rm gone", "/gone is missing", true)]
    [InlineData("touch d/more && mkdir -p more/and/more", "/more is not of this layer, and 1 more like this", true)]
    [InlineData("ln -sfn elsewhere link && touch -h -d @0 link", "/link leads elsewhere", true)]
    [InlineData("rm device && mknod device c 1 5 && touch -d @0 device", "and device 1:5 instead of 0644, 0:0 and 1:3", true)]
    [InlineData("rm empty && mkfifo empty", "/empty is of another type", true)]
    [InlineData("cp -p d/f copy && mv copy linked", "/d/f has 1 names instead of 2", true)]
    [InlineData("ln -f d/f other", "/other is not of this layer, and 2 more like this", true)]
    [InlineData($"printf LOWER > up && {AtOldTime} up", "/low/file has other data", true)]
    public async Task Damage_to_an_unpacked_layer_is_found_and_mended(string command, string problem, bool isTarWhole)
    {
        var low = await ApplyAsync(null, new Layer().File("low/file", "lower").File("gone", "1").File("e/x", "1").ToArray());
        var tar = DamagedLayer();
        var layer = await ApplyAsync(low.ChainId, tar);
        var above = await ApplyAsync(layer.ChainId, new Layer().File("above", "1").ToArray());
        (await _snapshots.VerifyAsync(layer.ChainId, default)).ShouldBe((null, tar.Length));
        var tree = Tree(layer.ChainId);
        await DamageAsync(tree, command);
        (await _snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldNotBeNull().ShouldContain(problem);
        (await _snapshots.VerifyAsync(low.ChainId, default)).Problem.ShouldBeNull();
        (await _snapshots.RemakeAsync(layer.ChainId, default)).ShouldBe(isTarWhole);
        if (!isTarWhole) (await _snapshots.RemakeAsync(layer.ChainId, new MemoryStream(tar), default)).ShouldBeTrue();
        foreach (var chain in new[] { low.ChainId, layer.ChainId, above.ChainId }) (await _snapshots.VerifyAsync(chain, default)).Problem.ShouldBeNull();
        await _snapshots.FinishBackgroundAsync();
        Directory.Exists(tree).ShouldBeFalse();
        await Reopen();
        Numbered().Count().ShouldBe(3);
        await _snapshots.CreateWritableAsync("c", above.ChainId, default);
        using var root = _snapshots.OpenRoot("c");
        Names(root, "").ShouldBe(".dockerenv above d dev device e empty etc hollow link linked low proc suid sys up");
        (Read(root, "d/f"), Read(root, "above"), Read(root, "low/file"), Names(root, "e")).ShouldBe(("content", "1", "lower", ""));
    }

    [Fact]
    public async Task A_damaged_layer_under_a_container_is_left_as_it_is()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "content").ToArray());
        await _snapshots.CreateWritableAsync("c", layer.ChainId, default);
        var tree = Tree(layer.ChainId);
        await DamageAsync(tree, "chmod 0 f");
        (await _snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldNotBeNull();
        (await _snapshots.RemakeAsync(layer.ChainId, default)).ShouldBeFalse();
        Tree(layer.ChainId).ShouldBe(tree);
    }

    [Fact]
    public async Task Data_in_the_holes_of_a_sparse_file_is_found()
    {
        var source = Directory.CreateDirectory(Path.Combine(_data, "source")).FullName;
        (await CommandResult.RunAsync("sh", ["-ec", $"cd {source} && truncate -s 40M f && printf x | dd of=f bs=1 seek=20M conv=notrunc status=none && tar -cSf ../sparse.tar f"])).ShouldExit(0);
        var layer = await ApplyAsync(null, await File.ReadAllBytesAsync(_data + "/sparse.tar"));
        (await _snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
        foreach (var hole in new[] { "10M", "30M" })
        {
            await DamageAsync(Tree(layer.ChainId), $"touch -r f ../time && printf y | dd of=f bs=1 seek={hole} conv=notrunc status=none && touch -r ../time f");
            (await _snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldNotBeNull().ShouldContain("has data where its layer has none");
            (await _snapshots.RemakeAsync(layer.ChainId, default)).ShouldBeTrue();
            (await _snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
        }
    }

    [Fact]
    public async Task A_copy_of_a_whole_stack_does_not_outlive_the_damaged_layer_it_was_made_of()
    {
        var low = await ApplyAsync(null, new Layer().File("a", "1").ToArray());
        var top = await ApplyAsync(low.ChainId, new Layer().File("b", "1").ToArray());
        await DamageAsync(Tree(low.ChainId), "chmod 0 a");
        using (var before = _snapshots.OpenLayers(top.ChainId)) Mode(before, "a").ShouldBe(0u);
        (await _snapshots.RemakeAsync(low.ChainId, default)).ShouldBeTrue();
        using var after = _snapshots.OpenLayers(top.ChainId);
        Mode(after, "a").ShouldBe(0x1a4u);

        static uint Mode(Fd root, string path)
        {
            using var file = OpenAt.InRoot(root, path, O.PATH);
            return FileStat.Of(file).Permissions;
        }
    }

    /// <summary>Changes a layer's tree, which nobody reads at the moment, by a shell.</summary>
    protected virtual async Task DamageAsync(string tree, string command) => (await CommandResult.RunAsync("sh", ["-ec", $"cd {tree} && {command}"])).ShouldExit(0);

    private string Tree(Digest chainId) => 
        $"{_data}/snapshots/{_state.Query("select number from snapshots where chain = $1", static row => row.GetInt64(0), chainId.ToString())[0]}/fs";

    private static byte[] DamagedLayer()
    {
        var f = new TarEntry { Name = "d/f"u8.ToArray(), Mode = 0x1a4, ModifiedSeconds = 1_000_000_000, Xattrs = [new("user.x"u8.ToArray(), "1"u8.ToArray())] };
        var suid = new TarEntry { Name = "suid"u8.ToArray(), Mode = 0x9ed, ModifiedSeconds = 1_000_000_000 };
        var device = new TarEntry { Type = TarType.CharDevice, Name = "device"u8.ToArray(), Mode = 0x1a4, DeviceMajor = 1, DeviceMinor = 3 };
        return new Layer().Directory("d").File("d/f", "replaced").Add(f, "content").HardLink("linked", "d/f").Add(suid, "s").Add(device).File("empty", "").Directory("hollow")
            .Symlink("link", "d").Whiteout("gone").Directory("e").Opaque("e").HardLink("up", "low/file").ToArray();
    }
}
