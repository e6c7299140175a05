using System.Formats.Tar;
using System.Text;
using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Copying;
using Xunit;

namespace Wharf.Tests.Cli.Copying;

/// <summary>Docker's rules of cp, and what a hostile archive cannot do.</summary>
public sealed class CopyPlanTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("wharf-cp").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("/a//b/../c/", "/a/c/")]
    [InlineData("/a/.", "/a/.")]
    [InlineData(".", ".")]
    [InlineData("a/", "a/")]
    [InlineData("/", "/")]
    public void A_path_keeps_what_its_end_says(string path, string cleaned) => CopyPath.Clean(path).ShouldBe(cleaned);

    [Theory]
    [InlineData("/src/dir", true, true, true, "/dst", "dir/f", "dir/f")]
    [InlineData("/src/dir/.", true, true, true, "/dst", "./f", "./f")]
    [InlineData("/src/dir", true, false, false, "/", "dir/f", "dst/f")]
    [InlineData("/src/dir/.", true, false, false, "/", "./f", "dst/f")]
    [InlineData("/src/file", false, false, false, "/", "file", "dst")]
    [InlineData("/src/file", false, true, false, "/", "file", "dst")]
    public void Where_and_under_which_name_follows_from_what_is_there(string source, bool isDirectory, bool exists, bool targetIsDirectory, string directory, string entry, string renamed)
    {
        var plan = CopyPlan.Make(new CopySource(source, isDirectory, null), new CopyTarget("/dst", exists, targetIsDirectory));
        plan.Directory.ShouldBe(directory);
        plan.Rename(entry).ShouldBe(renamed);
    }

    [Fact]
    public void A_directory_does_not_replace_a_file()
        => Should.Throw<CliException>(() => CopyPlan.Make(new CopySource("/d", true, null), new CopyTarget("/f", true, false))).Message.ShouldBe("cannot copy directory");

    [Fact]
    public void A_file_makes_no_directory()
        => Should.Throw<CliException>(() => CopyPlan.Make(new CopySource("/f", false, null), new CopyTarget("/new/", false, false))).Message.ShouldBe("no such directory");

    private async Task ExtractAsync(params TarEntry[] entries)
    {
        using var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, leaveOpen: true))
        {
            foreach (var entry in entries) await writer.WriteEntryAsync(entry);
        }
        archive.Position = 0;
        await new LocalExtraction(new CopyPlan(Path.Combine(root, "in"), "", "")).RunAsync(archive, CancellationToken.None);
    }

    private static PaxTarEntry FileEntry(string name, string content) => new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)), Mode = (UnixFileMode)0b110_100_000 };

    [Fact]
    public async Task Files_keep_their_mode_and_directories_too()
    {
        Directory.CreateDirectory(Path.Combine(root, "in"));
        await ExtractAsync(new PaxTarEntry(TarEntryType.Directory, "d/") { Mode = (UnixFileMode)0b101_000_000 }, FileEntry("d/f", "x"));
        File.GetUnixFileMode(Path.Combine(root, "in/d/f")).ShouldBe((UnixFileMode)0b110_100_000);
        File.GetUnixFileMode(Path.Combine(root, "in/d")).ShouldBe((UnixFileMode)0b101_000_000);
        File.SetUnixFileMode(Path.Combine(root, "in/d"), (UnixFileMode)0b111_000_000);
    }

    [Theory]
    [InlineData("../out")]
    [InlineData("a/../../out")]
    public async Task A_name_that_leads_out_is_refused(string name)
    {
        Directory.CreateDirectory(Path.Combine(root, "in"));
        await Should.ThrowAsync<CliException>(() => ExtractAsync(FileEntry(name, "bad")));
        File.Exists(Path.Combine(root, "out")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_link_from_the_archive_is_not_followed()
    {
        Directory.CreateDirectory(Path.Combine(root, "in"));
        Directory.CreateDirectory(Path.Combine(root, "out"));
        await Should.ThrowAsync<CliException>(() => ExtractAsync(new PaxTarEntry(TarEntryType.SymbolicLink, "l") { LinkName = Path.Combine(root, "out") }, FileEntry("l/f", "bad")));
        Directory.GetFileSystemEntries(Path.Combine(root, "out")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_link_in_the_way_of_a_file_is_replaced_and_not_written_through()
    {
        Directory.CreateDirectory(Path.Combine(root, "in"));
        File.WriteAllText(Path.Combine(root, "victim"), "good");
        File.CreateSymbolicLink(Path.Combine(root, "in/f"), Path.Combine(root, "victim"));
        await ExtractAsync(FileEntry("f", "new"));
        File.ReadAllText(Path.Combine(root, "victim")).ShouldBe("good");
        File.ReadAllText(Path.Combine(root, "in/f")).ShouldBe("new");
    }
}
