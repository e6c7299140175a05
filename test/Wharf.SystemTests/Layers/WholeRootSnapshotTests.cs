using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same with plain copies.</summary>
public sealed class PlainSnapshotTests() : WholeRootSnapshotTests("vfs", "full");

/// <summary>The same with drivers that keep one tree with all of a stack beside its uppermost layer, and what they have in common.</summary>
public abstract class WholeRootSnapshotTests(string driver, string whole, string? place = null) : SnapshotTests(driver, place)
{
    [Fact]
    public async Task What_a_kill_left_of_a_tree_of_all_layers_is_removed_at_the_next_start_and_never_read()
    {
        var top = await StackAsync();
        Snapshots.LayerPaths(top).ShouldBe([$"{Data}/snapshots/2/{whole}"]);
        // As if it had been killed in the middle of making it.
        File.Delete($"{Data}/snapshots/2/{whole}/low");
        await LeaveHalfMadeAsync($"{Data}/snapshots/2/{whole}");
        await Reopen();
        Directory.Exists($"{Data}/snapshots/2/{whole}.new").ShouldBeFalse();
        (await Snapshots.VerifyWholeAsync(top, repair: false, default)).ShouldBeNull();
        // And again with what another driver left half made.
        Snapshots.LayerPaths(top).ShouldBe([$"{Data}/snapshots/2/{whole}"]);
        await LeaveHalfMadeAsync($"{Data}/snapshots/2/{whole}");
        await Reopen("overlay2");
        Directory.EnumerateDirectories($"{Data}/snapshots/2").Select(Path.GetFileName).Order().ShouldBe(["fs"]);
        await Reopen();
        File.ReadAllText(Snapshots.LayerPaths(top).Single() + "/low").ShouldBe("low");
    }

    [Theory]
    [InlineData("printf LOW > low && touch -d @0 low", "/low")]
    [InlineData("rm d/f", "/d/f")]
    [InlineData("mkdir d/more", "/d/more")]
    [InlineData("chmod 700 d", "/d")]
    public async Task A_tree_of_all_layers_that_is_not_as_they_have_it_is_found_and_made_anew(string command, string path)
    {
        var top = await StackAsync();
        var tree = Snapshots.LayerPaths(top).Single();
        (await Snapshots.VerifyWholeAsync(top, repair: true, default)).ShouldBeNull();
        Directory.Exists(tree).ShouldBeTrue();
        (await CommandResult.RunAsync("sh", ["-ec", $"cd {tree} && {command}"])).ShouldExit(0);
        (await Snapshots.VerifyAsync(top, default)).Problem.ShouldBeNull();
        (await Snapshots.VerifyWholeAsync(top, repair: false, default)).ShouldBe($"{whole}: {path} is not as the layers have it");
        Directory.Exists(tree).ShouldBeTrue();
        (await Snapshots.VerifyWholeAsync(top, repair: true, default)).ShouldNotBeNull();
        Directory.Exists(tree).ShouldBeFalse();
        Snapshots.LayerPaths(top).ShouldBe([tree]);
        (await Snapshots.VerifyWholeAsync(top, repair: false, default)).ShouldBeNull();
    }

    /// <summary>A tree of all layers as one that was being made.</summary>
    protected virtual Task LeaveHalfMadeAsync(string place)
    {
        Directory.Move(place, place + ".new");
        return Task.CompletedTask;
    }

    private async Task<Specs.Image.Digest> StackAsync()
    {
        var low = await ApplyAsync(null, new Layer().File("low", "low").File("d/f", new string('f', 100_000)).File("d/gone", "1").ToArray());
        return (await ApplyAsync(low.ChainId, new Layer().File("d/new", "new").Whiteout("d/gone").ToArray())).ChainId;
    }
}
