using System.Security.Cryptography;
using CsCheck;
using Shouldly;
using Wharf.Engine.Content;
using Wharf.Engine.Content.Recipes;
using Wharf.Engine.Content.Recipes.Zstd;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Content.Recipes;

public partial class ZstdRecipeTests
{
    /// <summary>Text that compresses well, noise, zeros and text again, over some blocks.</summary>
    private static byte[] Plain()
    {
        var noise = new byte[200_000];
        new Random(1).NextBytes(noise);
        var text = RecipeSamples.Text();
        return [.. text, .. text.Reverse(), .. noise, .. new byte[300_000], .. text.Skip(20_000), .. noise.AsSpan(0, 3)];
    }

    private static byte[] Compress(byte[] plain, int level, params (ZstdSharp.Unsafe.ZSTD_cParameter Parameter, int Value)[] parameters)
    {
        using var output = new MemoryStream();
        using (var zstd = new ZstdSharp.CompressionStream(output, level))
        {
            foreach (var (parameter, value) in parameters) zstd.SetParameter(parameter, value);
            zstd.Write(plain);
        }
        return output.ToArray();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(9)]
    [InlineData(13)]
    [InlineData(19)]
    [InlineData(-5)]
    public async Task What_zstd_packs_at_any_level_is_made_again(int level)
    {
        var plain = Plain();
        var archive = Compress(plain, level);
        var recipe = RecipeSamples.Write(archive, plain);
        recipe.Length.ShouldBeLessThan(archive.Length / 4);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(archive);
    }

    [Fact]
    public async Task What_zstd_packs_with_long_distances_and_a_check_sum_is_made_again()
    {
        var plain = Plain();
        var archive = Compress(plain, 3, (ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_enableLongDistanceMatching, 1), (ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_windowLog, 27), (ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, 1));
        var recipe = RecipeSamples.Write(archive, plain);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(archive);
    }

    [Fact]
    public void A_copy_from_further_back_than_the_memory_allows_is_refused()
    {
        var noise = new byte[9 << 20];
        new Random(3).NextBytes(noise);
        byte[] plain = [.. noise, .. noise.AsSpan(0, 1 << 20)];
        var archive = Compress(plain, 3, (ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_enableLongDistanceMatching, 1), (ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_windowLog, 27));
        archive.Length.ShouldBeLessThan(plain.Length - 900_000);
        Should.Throw<InvalidDataException>(() => RecipeSamples.Write(archive, plain)).Message.ShouldContain("too far back");
    }

    [Fact]
    public Task Whatever_zstd_allows_is_read_right_and_made_again() => Gen.Int.SampleAsync(async seed =>
    {
        var (archive, plain) = RandomZstd.Make(new Random(seed));
        (await UnpackAsync(archive)).ShouldBe(plain, "seed " + seed);
        var recipe = RecipeSamples.Write(archive, plain);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(archive, "seed " + seed);
    }, iter: 40);

    /// <summary>By the library, without a look at check sums, which are random here.</summary>
    private static async Task<byte[]> UnpackAsync(byte[] archive)
    {
        using var input = new MemoryStream(archive);
        await using var zstd = new ZstdSharp.DecompressionStream(input);
        zstd.SetParameter(ZstdSharp.Unsafe.ZSTD_dParameter.ZSTD_d_experimentalParam3, 1);
        using var output = new MemoryStream();
        await zstd.CopyToAsync(output, TestContext.Current.CancellationToken);
        return output.ToArray();
    }

    [Fact]
    public async Task A_recipe_for_other_data_is_refused_or_gives_something_else()
    {
        var plain = RecipeSamples.Text();
        var original = Compress(plain, 3);
        var recipe = RecipeSamples.Write(original, plain);
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe, plain[..^1]));
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe, [.. plain, 1]));
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe[..100], plain));
        plain[70_000] ^= 1;
        try { (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldNotBe(original); }
        catch (InvalidDataException) { /* told at once */ }
    }

    [Theory]
    [InlineData("", "no zstd archive")]
    [InlineData("28b52f", "cut short")]
    [InlineData("1f8b0800", "no zstd archive")]
    [InlineData("28b52ffd0168" + "07" + "010000", "a dictionary")]
    [InlineData("28b52ffd0868" + "010000", "not known")]
    [InlineData("28b52ffd0068" + "070000", "no such block")]
    [InlineData("28b52ffd0068" + "0b0020", "too large")]
    [InlineData("28b52ffd0068" + "150000" + "0000", "")]
    [InlineData("28b52ffd0068" + "1d0000" + "000000", "more bytes than")]
    [InlineData("28b52ffd0068" + "250000" + "0300" + "0001", "block that is not there")]
    [InlineData("28b52ffd0068" + "250000" + "0001" + "0000", "bits without an end")]
    [InlineData("5e2a4d18ffffffff00", "cut short")]
    public void What_is_no_zstd_is_refused_by_name(string hex, string message)
    {
        void Read() => new ZstdRecorder(new MemoryStream(Convert.FromHexString(hex)), Stream.Null, ZstdModels.All[0], null, CancellationToken.None).Run();
        if (message.Length == 0) Read();
        else Should.Throw<InvalidDataException>(Read).Message.ShouldContain(message);
    }
}
