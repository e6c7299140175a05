using System.Globalization;
using Shouldly;
using Wharf.Engine.Snapshots;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same with images whose files have their contents in the store of objects, and what only that has.</summary>
public sealed class ComposefsSnapshotTests() : ImageSnapshotTests("composefs", "erofs fs objects tar")
{
    private const string Long = "a content of which one copy is enough for everybody";

    [Fact]
    public async Task Equal_files_of_all_layers_are_one_file_on_the_disk_and_in_memory()
    {
        var first = await ApplyAsync(null, new Layer().File("a", Long).File("d/b", Long).HardLink("h", "a").File("other", "other").ToArray());
        var second = await ApplyAsync(null, new Layer().File("x/y", Long).ToArray());
        Objects().Count.ShouldBe(2);
        await Snapshots.CreateWritableAsync("c", first.ChainId, default);
        await Snapshots.CreateWritableAsync("d", second.ChainId, default);
        using var one = Snapshots.OpenRoot("c");
        using var two = Snapshots.OpenRoot("d");
        (Read(one, "a"), Read(one, "d/b"), Read(one, "h"), Read(two, "x/y")).ShouldBe((Long, Long, Long, Long));
        Backing(one, "a").ShouldBe(Backing(two, "x/y"));
        Backing(one, "a").ShouldNotBe(Backing(one, "other"));
        // Whoever writes gets the whole file for himself.
        File.AppendAllText(one.ProcPath + "/a", "!");
        (Read(one, "a"), Read(one, "d/b"), Read(two, "x/y")).ShouldBe((Long + "!", Long, Long));
        File.ReadAllText(Data + "/snapshots/3/fs/a").ShouldBe(Long + "!");
    }

    [Fact]
    public async Task What_no_layer_needs_goes_with_the_last_one_that_did()
    {
        var first = await ApplyAsync(null, new Layer().File("a", Long).File("b", "only here").ToArray());
        var second = await ApplyAsync(null, new Layer().File("x", Long).ToArray());
        await Snapshots.CollectAsync(new HashSet<Specs.Image.Digest> { second.ChainId }, default);
        await FinishAsync();
        Objects().ShouldBe([Specs.Image.Digest.OfBytes(System.Text.Encoding.UTF8.GetBytes(Long)).Hex]);
        (await Snapshots.VerifyAsync(second.ChainId, default)).Problem.ShouldBeNull();
        await Snapshots.CollectAsync(new HashSet<Specs.Image.Digest>(), default);
        await FinishAsync();
        Objects().ShouldBeEmpty();
        Snapshots.Exists(first.ChainId).ShouldBeFalse();
    }

    [Fact]
    public async Task What_a_kill_left_half_brought_in_goes_at_the_next_start()
    {
        var layer = await ApplyAsync(null, new Layer().File("a", Long).ToArray());
        await Snapshots.DisposeAsync();
        Directory.CreateDirectory(Data + "/snapshots/objects/9.new");
        File.WriteAllText(Data + "/snapshots/objects/9.new/half", "x");
        Directory.CreateDirectory(Data + "/snapshots/objects/ff");
        File.WriteAllText($"{Data}/snapshots/objects/ff/{new string('f', 62)}", "nobody's");
        await Reopen();
        await FinishAsync();
        Directory.Exists(Data + "/snapshots/objects/9.new").ShouldBeFalse();
        Objects().Count.ShouldBe(1);
        (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
    }

    [Theory]
    [InlineData(": > {0}", "is not as long as it was")]
    [InlineData("rm {0}", "is missing")]
    [InlineData("printf X | dd of={0} conv=notrunc status=none", "is damaged")]
    public async Task A_damaged_content_is_found_in_each_layer_that_has_it_and_made_whole_for_all_of_them(string command, string problem)
    {
        var tar = new Layer().File("a", Long).File("b", "other").ToArray();
        var first = await ApplyAsync(null, tar);
        var second = await ApplyAsync(null, new Layer().File("x", Long).ToArray());
        var place = Directory.GetFiles(Data + "/snapshots/objects", "*", SearchOption.AllDirectories).First(file => new FileInfo(file).Length == Long.Length);
        (await CommandResult.RunAsync("sh", ["-ec", string.Format(CultureInfo.InvariantCulture, command, place)])).ShouldExit(0);
        foreach (var layer in new[] { first, second }) (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldNotBeNull().ShouldContain(problem);
        (await Snapshots.RemakeAsync(first.ChainId, default)).ShouldBeFalse();
        (await Snapshots.RemakeAsync(first.ChainId, new MemoryStream(tar), default)).ShouldBeTrue();
        foreach (var layer in new[] { first, second }) (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task A_content_that_was_cut_short_is_brought_in_anew_by_the_next_layer_that_has_it()
    {
        var first = await ApplyAsync(null, new Layer().File("a", Long).ToArray());
        File.WriteAllText(Directory.GetFiles(Data + "/snapshots/objects", "*", SearchOption.AllDirectories).Single(), "");
        await ApplyAsync(null, new Layer().File("b", Long).ToArray());
        (await Snapshots.VerifyAsync(first.ChainId, default)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task Layers_made_at_once_with_equal_files_while_others_go_all_stay_whole()
    {
        var layers = await Task.WhenAll(Enumerable.Range(0, 24).Select(async number =>
        {
            var layer = await ApplyAsync(null, new Layer().File("a", Long).File("b", $"content {number / 2}").File($"name {number}", "same").ToArray());
            if (number % 3 != 0) return layer;
            Snapshots.Forget(layer.ChainId).ShouldBeTrue();
            return null;
        }));
        await FinishAsync();
        foreach (var layer in layers) if (layer is not null) (await Snapshots.VerifyAsync(layer.ChainId, default)).Problem.ShouldBeNull();
        Objects().Count.ShouldBe(2 + layers.Index().Where(entry => entry.Item is not null).Select(entry => entry.Index / 2).Distinct().Count());
    }

    [Fact]
    public async Task A_program_that_does_not_find_contents_is_refused_these_layers_and_shows_others()
    {
        var layer = await ApplyAsync(null, new Layer().File("a", Long).File("d/b", Long).ToArray());
        await Reopen("fuse-overlayfs");
        Action[] uses = [() => Snapshots.CreateWritableAsync("c", layer.ChainId, default).GetAwaiter().GetResult(), () => Snapshots.OpenLayers(layer.ChainId).Dispose(), () => Snapshots.MountOver("/", Snapshots.LayerPaths(layer.ChainId, "d"))];
        foreach (var use in uses)
        {
            var error = Should.Throw<WharfException>(use);
            (error.Kind, error.Message).ShouldBe((ErrorKind.Conflict, "fuse-overlayfs cannot show these layers: driver composefs keeps the contents of their files elsewhere, and the program does not find them; use storage-driver composefs or overlay2, or remove the image and get it again"));
        }
        var other = await ApplyAsync(null, new Layer().File("a", Long + "!").ToArray());
        await Snapshots.CreateWritableAsync("c", other.ChainId, default);
        using (var root = Snapshots.OpenRoot("c")) Read(root, "a").ShouldBe(Long + "!");
        await Reopen("overlay2");
        await Snapshots.CreateWritableAsync("d", layer.ChainId, default);
        using (var root = Snapshots.OpenRoot("d")) Read(root, "a").ShouldBe(Long);
    }

    [Fact]
    public async Task A_stack_of_120_layers_is_one_root()
    {
        Specs.Image.Digest? top = null;
        for (int i = 0; i < 120; i++) top = (await ApplyAsync(top, new Layer().File($"f{i}", Long + i / 2).ToArray())).ChainId;
        await Snapshots.CreateWritableAsync("c", top, default);
        using var root = Snapshots.OpenRoot("c");
        (Read(root, "f0"), Read(root, "f119")).ShouldBe((Long + "0", Long + "59"));
        Objects().Count.ShouldBe(60);
    }

    protected override string Fill =>
        $"find . -type f | while read -r f; do r=$(getfattr --absolute-names --only-values -n trusted.overlay.redirect \"$f\" 2>/dev/null) || continue; touch -r \"$f\" {Data}/time; " +
        $"cp --sparse=always {Data}/snapshots/objects$r \"$f\"; setfattr -x trusted.overlay.redirect \"$f\"; setfattr -x trusted.overlay.metacopy \"$f\"; touch -r {Data}/time \"$f\"; done";

    private protected override void Seal(LayerImages images, Fd place, Fd tree, string directory)
    {
        File.Delete(directory + "/objects");
        using var objects = new ObjectStore(Data + "/snapshots", 1).Begin(999, verifies: false);
        images.Seal(place, tree, Specs.Image.Digest.OfBytes([]), objects, default);
        objects.Publish(directory);
    }

    private List<string> Objects() => !Directory.Exists(Data + "/snapshots/objects") ? [] : [.. Directory.GetFiles(Data + "/snapshots/objects", "*", SearchOption.AllDirectories).Select(file => Path.GetFileName(Path.GetDirectoryName(file))! + Path.GetFileName(file))];

    /// <summary>A sweep is begun by what is done in the background itself.</summary>
    private async Task FinishAsync()
    {
        await Snapshots.FinishBackgroundAsync();
        await Snapshots.FinishBackgroundAsync();
    }

    /// <summary>The file behind a file of an overlay, told by where its first block lies on the disk.</summary>
    private static string Backing(Fd root, string path)
    {
        var output = CommandResult.RunAsync("filefrag", ["-sv", $"/proc/{Environment.ProcessId}/fd/{root.Value}/{path}"]).GetAwaiter().GetResult();
        return output.ShouldExit(0).Text.Split('\n')[3];
    }
}
