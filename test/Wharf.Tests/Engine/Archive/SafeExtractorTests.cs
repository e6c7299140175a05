using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Archive;

/// <summary>Extraction into <c>outer/root</c>, with a file and a directory beside it that must stay as they are.</summary>
public sealed class SafeExtractorTests : IDisposable
{
    private readonly string _outer = Directory.CreateTempSubdirectory("wharf-extract").FullName;

    private string Root => Path.Combine(_outer, "root");

    public SafeExtractorTests()
    {
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(Path.Combine(_outer, "victim"));
        File.WriteAllText(Path.Combine(_outer, "secret"), "untouched");
    }

    public void Dispose()
    {
        // The framework cannot delete names that are not UTF-8.
        using var parent = OpenAt.Open(Path.GetDirectoryName(_outer)!, O.RDONLY | O.DIRECTORY);
        TreeRemoval.Remove(parent.Value, System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(_outer)));
    }

    [Fact]
    public async Task Files_directories_and_links_come_out_with_mode_and_time()
    {
        await ExtractAsync(new RawTar().Add("d/", '5', mode: 0x1c0).Add("d/f", content: "hello", mode: 0x9ed).Add("d/l", '2', link: "f").Add("d/h", '1', link: "d/f").Add("p", '6'));
        File.ReadAllText(Path.Combine(Root, "d/f")).ShouldBe("hello");
        File.ReadAllText(Path.Combine(Root, "d/l")).ShouldBe("hello");
        File.ReadAllText(Path.Combine(Root, "d/h")).ShouldBe("hello");
        ((uint)File.GetUnixFileMode(Path.Combine(Root, "d/f"))).ShouldBe(0x9edu);
        ((uint)File.GetUnixFileMode(Path.Combine(Root, "d"))).ShouldBe(0x1c0u);
        Directory.GetLastWriteTimeUtc(Path.Combine(Root, "d")).ShouldBe(DateTimeOffset.FromUnixTimeSeconds(1_000_000_000 + 0).UtcDateTime.AddSeconds(Convert.ToInt64("7346545000", 8) - 1_000_000_000));
    }

    public static TheoryData<string> Refused => ["../evil", "a/../../evil", "/../evil", "..", "a/b/../../../victim/x"];

    [Theory, MemberData(nameof(Refused))]
    public async Task A_name_that_leads_out_of_the_root_is_refused(string name)
    {
        (await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add(name, content: "x")))).Kind.ShouldBe(ErrorKind.InvalidArgument);
        NothingOutside();
    }

    [Fact]
    public async Task An_absolute_name_lands_below_the_root()
    {
        await ExtractAsync(new RawTar().Add("//etc///./passwd", content: "x"));
        File.Exists(Path.Combine(Root, "etc/passwd")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("../victim")]
    [InlineData("/victim")]
    [InlineData("../../../../../../../../victim")]
    public async Task A_directory_link_out_of_the_root_is_turned_back_at_it(string target)
    {
        Directory.CreateDirectory(Path.Combine(Root, "victim"));
        await ExtractAsync(new RawTar().Add("l", '2', link: target).Add("l/evil", content: "x"));
        File.Exists(Path.Combine(Root, "victim/evil")).ShouldBeTrue();
        NothingOutside();
    }

    [Fact]
    public async Task An_absolute_link_to_a_real_place_writes_nothing_there()
    {
        var victim = Path.Combine(_outer, "victim");
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("l", '2', link: victim).Add("l/evil", content: "x")));
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("l2", '2', link: victim).Add("l2/evil/", '5')));
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("l3", '2', link: Path.Combine(_outer, "secret")).Add("h", '1', link: "l3/../../secret")));
        NothingOutside();
    }

    [Fact]
    public async Task Writing_over_a_link_replaces_the_link_and_not_its_target()
    {
        await ExtractAsync(new RawTar().Add("l", '2', link: "../secret").Add("l", content: "evil").Add("m", '2', link: "../victim").Add("m/", '5', mode: 0x1ff));
        File.ReadAllText(Path.Combine(Root, "l")).ShouldBe("evil");
        Directory.ResolveLinkTarget(Path.Combine(Root, "m"), false).ShouldBeNull();
        NothingOutside();
    }

    [Fact]
    public async Task A_hard_link_to_a_link_links_the_link_itself()
    {
        await ExtractAsync(new RawTar().Add("l", '2', link: "../secret").Add("h", '1', link: "l"));
        File.ResolveLinkTarget(Path.Combine(Root, "h"), false).ShouldNotBeNull();
        // What is written over it later must not go through.
        await ExtractAsync(new RawTar().Add("h", content: "evil"));
        NothingOutside();
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("nosuch")]
    [InlineData(".")]
    public async Task A_hard_link_to_what_is_not_there_is_refused(string target) =>
        (await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("h", '1', link: target)))).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public async Task A_directory_exchanged_for_a_link_is_not_followed_from_memory()
    {
        // The open directory "d" must not be used any more once "d" is something else.
        await ExtractAsync(new RawTar().Add("d/", '5').Add("d/a", content: "1").Add("other/", '5').Add("d", '2', link: "other").Add("d/b", content: "2"));
        File.ReadAllText(Path.Combine(Root, "other/b")).ShouldBe("2");
        NothingOutside();
    }

    [Fact]
    public async Task A_member_that_replaces_a_tree_with_a_file_and_back_leaves_the_last()
    {
        await ExtractAsync(new RawTar().Add("x/y/z", content: "1").Add("x", content: "2").Add("x/", '5').Add("x/w", content: "3"));
        Directory.GetFileSystemEntries(Path.Combine(Root, "x")).Select(Path.GetFileName).ShouldBe(["w"]);
    }

    [Fact]
    public async Task A_link_loop_and_a_file_as_parent_are_errors()
    {
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("a", '2', link: "b").Add("b", '2', link: "a").Add("a/x", content: "1")));
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("f", content: "1").Add("f/x", content: "1")));
    }

    [Fact]
    public async Task A_link_to_itself_keeps_the_file()
    {
        await ExtractAsync(new RawTar().Add("f", content: "1").Add("f", '1', link: "f"));
        File.ReadAllText(Path.Combine(Root, "f")).ShouldBe("1");
    }

    [Fact]
    public async Task Beneath_refuses_links_out_of_the_destination()
    {
        foreach (var target in (string[])["../victim", "/victim"])
        {
            var name = "b" + target.Length;
            (await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add(name, '2', link: target).Add(name + "/evil", content: "x"), new SafeExtractorOptions { Limits = new(), SetOwner = false, Beneath = true })))
                .Message.ShouldContain("leads out");
        }
        NothingOutside();
    }

    [Theory]
    [InlineData("d", '0', "cannot overwrite directory")]
    [InlineData("f", '5', "cannot overwrite non-directory")]
    public async Task Kinds_are_not_exchanged_when_forbidden(string name, char type, string message)
    {
        Directory.CreateDirectory(Path.Combine(Root, "d"));
        File.WriteAllText(Path.Combine(Root, "f"), "");
        var options = new SafeExtractorOptions { Limits = new(), SetOwner = false, NoOverwriteDirNonDir = true };
        (await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add(name, type), options))).Message.ShouldStartWith(message);
    }

    [Fact]
    public async Task Sparse_files_keep_their_holes_and_their_size()
    {
        await ExtractAsync(GnuTarFixtures.Pax10);
        var content = await File.ReadAllBytesAsync(Path.Combine(Root, "s"));
        content.Length.ShouldBe(300_000);
        content[250_050].ShouldBe((byte)'F');
        content[250_100].ShouldBe((byte)0);
    }

    [Fact]
    public async Task Names_that_are_not_UTF8_keep_their_bytes()
    {
        await ExtractAsync(new RawTar().Add("\u00ff\u00fe", content: "x"));
        using var root = OpenAt.Open(Root, O.RDONLY | O.DIRECTORY);
        DirectoryEntries.Read(root.Value).ShouldHaveSingleItem().ShouldBe([0xff, 0xfe]);
    }

    [Fact]
    public async Task A_tree_too_large_is_refused()
    {
        var options = new SafeExtractorOptions { Limits = new Limits { MaxLayerBytes = 3000 }, SetOwner = false };
        await Should.ThrowAsync<WharfException>(ExtractAsync(new RawTar().Add("a", content: new string('x', 2000)).Add("b", content: new string('x', 2000)), options));
    }

    [Fact]
    public async Task More_directories_than_are_held_open_still_get_every_file()
    {
        var tar = new RawTar();
        for (int i = 0; i < 200; i++) tar.Add($"d{i}/f", content: "x").Add($"d{i / 2}/h{i}", '1', link: $"d{i}/f");
        await ExtractAsync(tar);
        Directory.GetFiles(Root, "*", SearchOption.AllDirectories).Length.ShouldBe(400);
    }

    [Fact]
    public async Task A_directory_that_is_exchanged_with_a_link_all_the_while_lets_nothing_out()
    {
        // docker cp into a running container whose process races with it (CVE-2018-15664).
        const uint RENAME_EXCHANGE = 2;
        Directory.CreateDirectory(Path.Combine(Root, "d"));
        File.CreateSymbolicLink(Path.Combine(Root, "l"), Path.Combine(_outer, "victim"));
        using var root = OpenAt.Open(Root, O.RDONLY | O.DIRECTORY);
        using var stop = new CancellationTokenSource();
        var exchanging = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested) Libc.renameat2(root.Value, "d", root.Value, "l", RENAME_EXCHANGE);
        });
        var tar = new RawTar();
        for (int i = 0; i < 50; i++) tar.Add($"d/f{i}", content: "x").Add($"d/s{i}/", '5').Add($"d/s{i}/g", content: "x").Add($"d/h{i}", '1', link: $"d/f{i}");
        for (int i = 0; i < 20; i++)
        {
            try
            {
                await ExtractAsync(tar);
            }
            catch (Exception error) when (error is WharfException or SyscallException { Errno: Errno.ENOENT })
            {
                // The link leads nowhere inside the root.
            }
        }
        await stop.CancelAsync();
        await exchanging;
        NothingOutside();
    }

    private void NothingOutside()
    {
        File.ReadAllText(Path.Combine(_outer, "secret")).ShouldBe("untouched");
        Directory.GetFileSystemEntries(Path.Combine(_outer, "victim")).ShouldBeEmpty();
        Directory.GetFileSystemEntries(_outer).Select(Path.GetFileName).Order().ShouldBe(["root", "secret", "victim"]);
        File.Exists("/evil").ShouldBeFalse();
    }

    private Task ExtractAsync(RawTar tar, SafeExtractorOptions? options = null) => ExtractAsync(tar.ToArray(), options);

    private async Task ExtractAsync(byte[] tar, SafeExtractorOptions? options = null)
    {
        options ??= new SafeExtractorOptions { Limits = new(), SetOwner = false };
        using var root = OpenAt.Open(Root, O.PATH | O.DIRECTORY);
        using var extractor = new SafeExtractor(root, options);
        await extractor.ExtractAsync(new TarReader(new MemoryStream(tar), options.Limits), default);
    }
}
