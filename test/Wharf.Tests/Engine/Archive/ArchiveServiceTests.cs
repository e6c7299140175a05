using System.IO.Compression;
using System.Text;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Archive;

public sealed class ArchiveServiceTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("wharf-archive").FullName;
    private readonly Fd _root;

    public ArchiveServiceTests()
    {
        Directory.CreateDirectory(At("d/e/f"));
        File.WriteAllText(At("d/a"), "hi\n");
        File.SetUnixFileMode(At("d/a"), (UnixFileMode)0x9ed);
        File.SetLastWriteTimeUtc(At("d/a"), new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddMilliseconds(120));
        File.CreateSymbolicLink(At("ld"), "/d");
        File.CreateSymbolicLink(At("d/la"), "a");
        File.CreateSymbolicLink(At("dang"), "nowhere");
        _root = OpenAt.Open(_path, O.PATH | O.DIRECTORY);
    }

    private string At(string name) => Path.Combine(_path, name);

    public void Dispose()
    {
        _root.Dispose();
        Directory.Delete(_path, recursive: true);
    }

    // What dockerd 28 answers for the same tree.
    [Theory]
    [InlineData("/d", "d", 1u << 31 | 0x1ed, "")]
    [InlineData("/d/", "d", 1u << 31 | 0x1ed, "")]
    [InlineData("/d/.", ".", 1u << 31 | 0x1ed, "")]
    [InlineData("/", "/", 1u << 31 | 0x1c0, "")]
    [InlineData("/ld", "ld", 1u << 27 | 0x1ff, "/d")]
    [InlineData("/ld/", "ld", 1u << 31 | 0x1ed, "")]
    [InlineData("/ld/.", ".", 1u << 31 | 0x1ed, "")]
    [InlineData("/d/la", "la", 1u << 27 | 0x1ff, "/d/a")]
    [InlineData("/dang", "dang", 1u << 27 | 0x1ff, "/nowhere")]
    [InlineData("d/a", "a", 1u << 23 | 0x1ed, "")]
    [InlineData("/../../d/x/../a", "a", 1u << 23 | 0x1ed, "")]
    [InlineData("/ld/a", "a", 1u << 23 | 0x1ed, "")]
    public void A_stat_is_what_dockerd_says(string path, string name, uint mode, string linkTarget)
    {
        var stat = ArchiveService.Stat(_root, path);
        (stat.Name, stat.LinkTarget).ShouldBe((name, linkTarget));
        stat.Mode.ShouldBe(mode);
    }

    [Fact]
    public void Times_have_the_digits_they_need() => ArchiveService.Stat(_root, "/d/a").Mtime.ShouldBe("2026-01-02T03:04:05.12Z");

    [Theory]
    [InlineData("/nosuch", ErrorKind.NotFound)]
    [InlineData("/nosuch/x", ErrorKind.NotFound)]
    [InlineData("/dang/", ErrorKind.NotFound)]
    [InlineData("/d/a/", ErrorKind.InvalidArgument)]
    public void What_is_not_there_is_said(string path, ErrorKind kind) => Should.Throw<WharfException>(() => ArchiveService.Stat(_root, path)).Kind.ShouldBe(kind);

    [Theory]
    [InlineData("/d", "d/|d/a|d/e/|d/e/f/|d/la")]
    [InlineData("/ld/.", "./|./a|./e/|./e/f/|./la")]
    [InlineData("/ld", "ld")]
    [InlineData("/d/a", "a")]
    [InlineData("/", "/|/d/|/d/a|/d/e/|/d/e/f/|/d/la|/dang|/ld")]
    public async Task A_path_is_written_under_the_name_asked_for(string path, string names)
    {
        var output = new MemoryStream();
        await ArchiveService.WritePathAsync(_root, path, output, default);
        (await NamesAsync(output)).ShouldBe(names);
    }

    [Fact]
    public async Task A_root_is_written_without_an_entry_for_itself()
    {
        var output = new MemoryStream();
        await ArchiveService.WriteRootAsync(_root, output, default);
        (await NamesAsync(output)).ShouldBe("d/|d/a|d/e/|d/e/f/|d/la|dang|ld");
    }

    [Theory]
    [InlineData("/nosuch", ErrorKind.NotFound, "Could not find the file /nosuch")]
    [InlineData("/dang", ErrorKind.NotFound, "Could not find the file /dang")]
    [InlineData("/d/la", ErrorKind.InvalidArgument, "extraction point is not a directory")]
    public async Task Extraction_needs_a_directory(string path, ErrorKind kind, string message)
    {
        var error = await Should.ThrowAsync<WharfException>(ArchiveService.ExtractAsync(_root, path, new MemoryStream(Tar("x")), new ArchiveExtractOptions(), default));
        (error.Kind, error.Message).ShouldBe((kind, message));
    }

    [Fact]
    public async Task A_compressed_archive_goes_where_a_link_leads_inside_the_root()
    {
        var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Tar("new"));
        packed.Position = 0;
        await ArchiveService.ExtractAsync(_root, "/ld", packed, new ArchiveExtractOptions(), default);
        File.ReadAllText(At("d/new")).ShouldBe("new");
    }

    [Fact]
    public async Task A_tree_survives_being_written_and_extracted()
    {
        var output = new MemoryStream();
        await ArchiveService.WritePathAsync(_root, "/d/.", output, default);
        Directory.CreateDirectory(At("copy"));
        output.Position = 0;
        await ArchiveService.ExtractAsync(_root, "/copy", output, new ArchiveExtractOptions(), default);
        File.ReadAllText(At("copy/a")).ShouldBe("hi\n");
        File.GetUnixFileMode(At("copy/a")).ShouldBe((UnixFileMode)0x9ed);
        File.ResolveLinkTarget(At("copy/la"), false)!.Name.ShouldBe("a");
        Directory.Exists(At("copy/e/f")).ShouldBeTrue();
    }

    private static byte[] Tar(string name)
    {
        var output = new MemoryStream();
        var writer = new TarWriter(output);
        writer.WriteFileAsync(new TarEntry { Name = Encoding.UTF8.GetBytes(name), Mode = 0x1a4, Uid = Uid, Gid = Gid }, Encoding.UTF8.GetBytes(name), default).AsTask().GetAwaiter().GetResult();
        writer.FinishAsync(default).AsTask().GetAwaiter().GetResult();
        return output.ToArray();
    }

    private static uint Uid => Own.Uid;
    private static uint Gid => Own.Gid;
    private static readonly FileStat Own = OwnStat();

    private static FileStat OwnStat()
    {
        using var self = OpenAt.Open("/proc/self", O.PATH | O.DIRECTORY);
        return FileStat.Of(self);
    }

    private static async Task<string> NamesAsync(MemoryStream tar)
    {
        tar.Position = 0;
        var reader = new TarReader(tar, new Limits());
        var names = new List<string>();
        while (await reader.ReadNextAsync(default) is { } entry) names.Add(entry.NameText);
        return string.Join('|', names);
    }
}
