using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Layers;

/// <summary>The same by fuse-overlayfs, and what only it has: a process for each root that is open.</summary>
public sealed class FuseSnapshotTests() : SnapshotTests("fuse-overlayfs")
{
    [Fact]
    public async Task What_the_program_marks_directories_with_is_in_no_comparison_and_no_tar()
    {
        var layer = await ApplyAsync(null, new Layer().File("d/a", "1").File("d/b", "1").File("keep", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default);
        using (var root = Snapshots.OpenRoot("c"))
        {
            Directory.Delete(root.ProcPath + "/d", recursive: true);
            Directory.CreateDirectory(root.ProcPath + "/d/new");
            File.WriteAllText(root.ProcPath + "/d/b", "2");
        }
        // What hides the lower directory lies there as files, which overlayfs has not.
        Directory.GetFiles(Data + "/snapshots/2/fs/d").Select(Path.GetFileName).Order().ShouldBe([".wh..opq", ".wh..wh..opq", "b"]);
        Snapshots.Changes("c").Select(change => $"{change.Kind} {change.Path}").ShouldBe(["0 /d", "2 /d/a", "0 /d/b", "1 /d/new"]);
        var tar = new MemoryStream();
        await Snapshots.WriteChangesTarAsync("c", tar, default);
        tar.Position = 0;
        var names = new List<string>();
        await foreach (var (name, attributes) in EntriesAsync(tar))
        {
            names.Add(name);
            attributes.ShouldNotContain("overlay");
        }
        names.ShouldBe(["d/", "d/.wh..wh..opq", "d/b", "d/new/", "d/new/.wh..wh..opq"]);
        var committed = await ApplyAsync(layer.ChainId, tar.ToArray());
        using var view = Snapshots.OpenLayers(committed.ChainId);
        Directory.GetFileSystemEntries(view.ProcPath + "/d").Select(Path.GetFileName).Order().ShouldBe(["b", "new"]);
        File.ReadAllText(view.ProcPath + "/keep").ShouldBe("1");
    }

    [Fact]
    public async Task A_process_serves_each_open_root_and_ends_with_it()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default);
        var root = Snapshots.OpenRoot("c");
        Servers().Count.ShouldBe(1);
        File.ReadAllText(root.ProcPath + "/f").ShouldBe("1");
        File.WriteAllText(root.ProcPath + "/f", "2");
        File.ReadAllText(Data + "/snapshots/2/fs/f").ShouldBe("2"); // at once
        root.Dispose();
        for (int i = 0; i < 500 && Servers().Count > 0; i++) await Task.Delay(10, TestContext.Current.CancellationToken);
        Servers().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_root_that_the_program_cannot_serve_is_an_error_with_its_own_words()
    {
        var layer = await ApplyAsync(null, new Layer().File("f", "1").ToArray());
        await Snapshots.CreateWritableAsync("c", layer.ChainId, default);
        Directory.Delete(Data + "/snapshots/2/fs");
        Should.Throw<IOException>(() => Snapshots.OpenRoot("c")).Message.ShouldStartWith("fuse-overlayfs cannot mount: fuse-overlayfs: cannot retrieve path for ");
        Servers().ShouldBeEmpty();
    }

    private static async IAsyncEnumerable<(string Name, string Attributes)> EntriesAsync(Stream tar)
    {
        var reader = new System.Formats.Tar.TarReader(tar);
        while (await reader.GetNextEntryAsync() is { } entry) yield return (entry.Name, entry is System.Formats.Tar.PaxTarEntry pax ? string.Join(' ', pax.ExtendedAttributes.Keys) : "");
    }

    private List<string> Servers() => FuseEngine.Servers(Data);
}
