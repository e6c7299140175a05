using System.Text;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Xunit;

namespace Wharf.Tests.Engine.Archive;

public class TarDialectTests
{
    public static TheoryData<string> SparseFormats => ["OldSparse", "Pax00", "Pax01", "Pax10"];

    [Theory, MemberData(nameof(SparseFormats))]
    public async Task A_sparse_file_of_any_GNU_format_comes_out_whole(string format)
    {
        var tar = format switch { "OldSparse" => GnuTarFixtures.OldSparse, "Pax00" => GnuTarFixtures.Pax00, "Pax01" => GnuTarFixtures.Pax01, _ => GnuTarFixtures.Pax10 };
        var expected = new byte[300_000];
        for (int i = 0; i < 6; i++) expected.AsSpan(i * 50_000, 100).Fill((byte)('A' + i));
        var raw = new MemoryStream();
        var reader = new TarReader(new MemoryStream(tar), new Limits(), bytes => raw.Write(bytes));
        var entry = (await reader.ReadNextAsync(default)).ShouldNotBeNull();
        entry.NameText.ShouldBe("s");
        entry.Size.ShouldBe(300_000);
        entry.ModifiedSeconds.ShouldBe(1_000_000_000);
        var content = new MemoryStream();
        await reader.OpenData().CopyToAsync(content);
        content.ToArray().AsSpan().SequenceEqual(expected).ShouldBeTrue();
        (await reader.ReadNextAsync(default)).ShouldBeNull();
        await reader.DrainAsync(default);
        (raw.Length + entry.Sparse!.Sum(piece => piece.Length)).ShouldBe(tar.Length);
    }

    /// <summary>As docker's client sends a context with a Dockerfile from outside of it.</summary>
    [Theory, InlineData(0), InlineData(400)]
    public async Task An_archive_may_end_with_the_last_files_last_byte(int padding)
    {
        var bytes = new MemoryStream();
        using (var tar = new System.Formats.Tar.TarWriter(bytes, leaveOpen: true))
            tar.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "f") { DataStream = new MemoryStream("content"u8.ToArray()) });
        bytes.SetLength(512 + 7 + padding);
        bytes.Position = 0;
        var reader = new TarReader(bytes, new Limits());
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().NameText.ShouldBe("f");
        (await new StreamReader(reader.OpenData()).ReadToEndAsync()).ShouldBe("content");
        (await reader.ReadNextAsync(default)).ShouldBeNull();
        await reader.DrainAsync(default);
    }

    [Fact]
    public async Task GNU_long_names_and_links_and_large_ids_are_read()
    {
        var reader = new TarReader(new MemoryStream(GnuTarFixtures.GnuLong), new Limits());
        var name = new string('d', 60) + "/" + new string('e', 60) + "/" + new string('f', 60) + "/x";
        var file = (await reader.ReadNextAsync(default)).ShouldNotBeNull();
        (file.NameText, file.Uid, file.Gid, file.Size).ShouldBe((name, 3_000_000u, 4u, 3L));
        var hard = (await reader.ReadNextAsync(default)).ShouldNotBeNull();
        (hard.Type, hard.LinkNameText).ShouldBe((TarType.HardLink, name));
        var link = (await reader.ReadNextAsync(default)).ShouldNotBeNull();
        (link.Type, link.LinkNameText.Length).ShouldBe((TarType.Symlink, 9 + 2 * 182 + 1));
        (await reader.ReadNextAsync(default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_size_in_base_256_goes_beyond_eight_gigabytes()
    {
        var field = new byte[12];
        field[0] = 0x80;
        BitConverter.GetBytes(9L << 30).Reverse().ToArray().CopyTo(field, 4);
        var entry = await FirstAsync(new RawTar().Add("big", sizeField: Encoding.Latin1.GetString(field)).WithoutEnd());
        entry.Size.ShouldBe(9L << 30);
    }

    [Fact]
    public async Task A_time_before_1970_is_read_from_both_forms()
    {
        (await FirstAsync(new RawTar().Pax(("mtime", "-1.25")).Add("a").ToArray())).ShouldSatisfyAllConditions(
            entry => entry.ModifiedSeconds.ShouldBe(-2), entry => entry.ModifiedNanoseconds.ShouldBe(750_000_000u));
        var old = new RawTar().Add(block =>
        {
            RawTar.Put(block, 0, "a");
            block.AsSpan(136, 12).Fill(0xff);
            block[156] = (byte)'0';
        }, []);
        (await FirstAsync(old.ToArray())).ModifiedSeconds.ShouldBe(-1);
    }

    [Fact]
    public async Task A_ustar_prefix_and_an_old_directory_are_understood()
    {
        var tar = new RawTar().Add(block =>
        {
            RawTar.Put(block, 0, "name/");
            RawTar.Put(block, 257, "ustar\000");
            RawTar.Put(block, 345, "some/prefix");
        }, []);
        var entry = await FirstAsync(tar.ToArray());
        (entry.NameText, entry.Type).ShouldBe(("some/prefix/name/", TarType.Directory));
    }

    [Fact]
    public async Task A_hard_link_carries_no_data_whatever_its_size_says()
    {
        var reader = new TarReader(new MemoryStream(new RawTar().Add("l", '1', link: "a", sizeField: "00000001000").Add("next").ToArray()), new Limits());
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().Size.ShouldBe(0);
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().NameText.ShouldBe("next");
    }

    [Fact]
    public async Task A_PAX_size_counts_and_the_header_s_does_not()
    {
        // Readers that disagree here see different archives (CVE-2025-62518).
        var tar = new RawTar().Pax(("size", "600")).Add("outer", sizeField: "00000000000").AddData(new byte[600]).Add("after").ToArray();
        var reader = new TarReader(new MemoryStream(tar), new Limits());
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().Size.ShouldBe(600);
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().NameText.ShouldBe("after");
    }

    [Fact]
    public async Task A_global_header_changes_nothing_and_an_archive_may_lack_its_end()
    {
        var reader = new TarReader(new MemoryStream(new RawTar().Add("g", 'g', "16 path=global1\n").Add("real").WithoutEnd()), new Limits());
        (await reader.ReadNextAsync(default)).ShouldNotBeNull().NameText.ShouldBe("real");
        (await reader.ReadNextAsync(default)).ShouldBeNull();
    }

    private static async Task<TarEntry> FirstAsync(byte[] tar) =>
        (await new TarReader(new MemoryStream(tar), new Limits { MaxLayerBytes = long.MaxValue }).ReadNextAsync(default)).ShouldNotBeNull();
}
