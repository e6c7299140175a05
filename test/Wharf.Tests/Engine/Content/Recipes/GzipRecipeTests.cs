using System.IO.Compression;
using System.Security.Cryptography;
using CsCheck;
using Shouldly;
using Wharf.Engine.Content;
using Wharf.Engine.Content.Recipes;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Content.Recipes;

public class GzipRecipeTests
{
    /// <summary>Recipes of one text as other programs compressed it, and the SHA-256 of what they wrote. They must give the same for ever: such recipes lie on disks.</summary>
    public static TheoryData<string, string, string> Known => new()
    {
        { "zlib level 1", "1300dcd4ebac7f63ed486e1e6afee8d02f5511a86687a3710cf21a5ec06deeb6", "V0dSMQEAAAAAAUPvFf8AAAAAFVweJRLHxJktWO9Z3l5S7l0dQ96eydIzuwhi4qWkm5nATXvh1jmp4u8ps47VWzk9ac5PUzgZARmxx/OC6n7v3FovIihyrmz4lodggQ+BHBIklwdafvL0p/xY4wF9LUg8rAzQmsU3vHOhX+i6Ezou7F0260Cg96AAAAAAAAAAAAAAAAAEUV9Ln9TmqkgkPytY+dIdWGSRQDDRbSQo79kJl5y2xsMnTRTusKfB8s5r/ZUnJORKOfN8uK0m1bKwgFOvlsfgrihMSIAEBTZBOF0DHgkJpYm9mJo/0S+6egBxZkU3DTRodreCI5rs2wFF9V4njakJNABxhZjkMnMddHlfdczy9iYVSiGZH1Pn97CB4M1QYckqiVH3d1imsy4zGqC1FFbVBsPq3A+hizlyCMPk/0zumk5Q7WkaoJooEogAAAAA" },
        { "zlib level 6", "b7d7697a6260baa4b4d0c0dc0de391a20b658314f765dd478bccd39cf45def3c", "V0dSMQYAAAAAAUPvFf8AAAAAAEGprq6T8TqbE6YQrcdv8+BtEm3yPBnQrBIhzz3/xxtJPpKhuycgkE25UdWaY9hybjrpFGnOSrrg2EicLw69m88dgVp2fqe7vmPgmS4ZziOEed4NgmesiiJl/Vj7NhCZoFT0bGXPQ//pH/pLFvRqwAAAAAAAAAAAAAAAAAAAZEHwIToi55kddkNxScmrGP9oqrgD6Tg52D0S7EuxHRFo2xD6j//cB+QtRXgKLwj8JOgeAwvpS8eiq5lA/BSvpcXkyizoXMTQ9VczH/d0HEHyC7dmtavKAA0BcsxZdcL1AVlqjSToUe29xxn69RGC3MqOM0PcfH0O3zQ3fGRWT1wpt9PlY1WzK8C2tQq88PAFNgLllXme5TpVwB0H24Z6EXFQ0tGJtuBSGWhqY/+K+TULoHHEbe1QAAAAAA==" },
        { "zlib level 9", "3256ace5efa7b74c34f6771f507036704a7b28169a94971c558b6e8ed0dedbd9", "V0dSMQkAAAAAAUPvFf8AAAAADFUaSXiZG0vF7AXCHuqKd/rUhSlVF02Di/qj0uJbLQNOP917SwuZtAff4ca8mA95JzEz5cVtrJpUXB5s3XrO6LK2/1BJk4jXkA3hPCNl3AUvakY3gHP3fTPylkEPKpP783+Z+IUGxRdb2XO6uBDiYAAAAAAAAAAAAAAAAAAc6BLTlVchanPojGoncLO6lFnUJ76Q/BCCYYwJQ6DcxMp28pI+5d7gry2hpvZyeWt4yS1eifWixYhktP9u3wWyC05yjtmRbgFXa3zshu8QTTDDAag5x/kAAVUB/Zc2PE5JD7ZFD3unb/PQ2OVYJhZl7Nv7DHc7slkpOGP0rm9dKfiCTuXK77CXbInSHCVSzWAs+wlmq5o+vrhAuxwwmlTmBSFhwFydemcjdJQIsUgYy9iKh10uvPgAAAAAAA==" },
        { "gzip", "7a2f1d205ced86482b1a44cb6e532d0c005424415e068925acdd40cba41dfff3", "V0dSMQYAAAAAAePt1gBHd996smDf1IGC/jnExmUvurXKrEGRm5Vpe/4GB/U4mlij4v12plqmK/V+ySoZXu6Jbd209/Nv5Ca1ns9AstXidQ7ayNTVQ23o+zsEM/s/eH3aM20IeSn4z5lun58Eir9qXftNkENd1si/mx5w+ey1YailPzoJtOe3WMEITqLUlHdwAAAAAAAAAAAAAAAAAAAAAAAACyiIOIEL4VDuI/MlVn4IiDwCGboBYitfGYNtD733qCl0TsmgNuo24vr2rmlgLRG2cbAEQ/o5HgaP85ccEi/VecPEgWSgoEmXuID2buZN6nKEC4RY/2AGEoFzDWM4C9Cmn5GkVPu9QYER9ugf9Zis374buUFRrilh1GrlUihjh4w0A1Uof/kAGme7Rw2lW112fdTCiQQiMOZR4zAGdj5HnqIVjGg1cXBvL/3MH2PgrCLzqhuKxtr1at4Idx2Km/HCbMExkDHwA9IyNUdVUYs4Pg1EGwgAAAAA" },
        { "pigz", "9957c4636dd4675b32ac50b5bd82880d7f23ce3db3ccb2692fbed1e9677a90a3", "V0dSMQYAAAAAAePt1gBHd996smDf1IGC/jmo9GVnvlboA/oUad6VghGYVJvBL9VWmL+gJHTEcbB2fVeQPhGr6dsTqWSssq9Q5r574LvI48NSF/W/ywwLVR3rKVOyjWMf/I/4VhV0cbz6+I7KoAiNG5U382xJN4ns2Fn5Ykws/m0dH/J+w1pkW4JayYNBshLFAAAAAAAAAAAAAAAAABntg1Ad24LhyUPVOXGaxj3jxopSBALo0nUXVpevE/IjN/XmutWmNcCRHPVHUy3++PUN+PfyB1ZUxAxnJjImys+3eiLmCClv0AZjlV5vKrUas8HcQlv5kOaQTogAGKyEt8rpmKB+zyZ9mE+IT7WCR4jNTO9lWapw8UvNxvjg267/EMAhTWAhTT15oASj8dYY5RvnXSgisLc86EIp8i1SEiAPazbYp0D7FqhS6J6MIxVQ18QcKNMgh9FlTkPVrHZekM5HqJpoFIVKtcq4fqPNnS86fhEKZMZ2GP90Qe8dmi27sbwNqUJpahHqIuUupQliUph+EXyJYbgS18oIz28P1prZX2vqeO+gfVPtXDwkhnBPvm6xjYFn55MST37v5x6vZy8WSjHhk2bkI7EQqujgfUYPc/VTyiy8GYQBMmtEGocmltLyX5zb8r1uM+6cj6SI0Mt+0cSb3tfNO6U6w5tFdJ2v6qQ71hT+0DNuev3G+S0uk9Y+KSUBBCSluhwAAAAA" },
        { "Go level 1", "41ca794eedd4538e08aba724fc49aec972299cb52e8cf0dcf904c9c49cd7375e", "V0dSMRIAAAAAAUPvFf8AAAAAGSlqyBJ+6Zh6dmienb0AbOfija52RIEwsI3P8/i85YzmMCXCz6TjFWgzyrUAXiVNVPQqSWUoz4yosN4/Qj6cdGUQQR8PrK6BhghiImuV3v8VKtIwL6gGaE5Uzm8y4FOQ3U3TcyaCrIB0mNoPYvXgxmPcSxAggRqMFUpgAAAAAAAAAAAAAAAAAAACCVQgnybkfu8si02a0OzvNWYD+Y5ER6U7kiSbLqLyIX4M7DSKTLzNiPomXje2uq3U5L8uVeAGw8MaJLS46oF5WbiY3Bhpi3PnB4W8Vv+ALTP4YCnZnrodoYcQx2AAAAAJNZ7oSZV2HS83S0arIKDLFBNsZdgWqXqVjUyGTT1Y9gyBqP4Usir43oDGiAPgw0ZGNqBxQme5tJ35euBVqXQev4o124rDr5xiZC7stVajKbHPHmpJ67iR+oyLpY/1CplPjp1oX3YYnaDnYqgk6pgoNfwUFIEG2/yznAIeAAAAAA==" },
        { "Go level 2", "fa4899cb2bf05f87167c65a372cac3897aaaa7459069f105342860bf39903c60", "V0dSMQoAAAAAAUPvFf8AAAAABvUs/iVzkEq3+DEkl/w+AGOtjWCtSVVEN3u8HKdMZj2HSULq2RW8Ei+TPQ8FA0H/talilRswyzsufEGftrtg2u0xK+bge1IslkwrDJLGXetk8ISXoGi8M54BiNGDlSIi2zLlsGJMcD6Vkmw8mfaTpA8GB03Zje7xAPd1LwAAAAAAAAAAAAAAAAAAESCMlIvUKoOLHhckGPq9KH/hk/KTffeZFtm4IpW9FoIXFLp1I6SZOzG81B9yhWXFhC54wTpMfKOg8qQkUchAURc7gDq6RF35eF1exguLhdrbCAcl4J9mO2S75EAABZgamKB7jp6WO1iP9JxAYOSnf8PERqix9UxbDaKpgKOmUGxVlcZI7sAHz/UNzVt6ZdGaE6n2LWfe5wLB3BoaOQxpzimu6Govg2dpLxb+piCkyFWkRKdtvetIAIsyEG88cMoNK8pOGb3VolWWvcyRyE1Y5iTCuN17EWy73pwXcKz7aC8meOihd0m15tPqcbOv4hO+BaJ6fy54cr9I0jqnNUYw4YcbReM6iQRSoChlWZpEy54mIyNeVj/GYrSKvPYIDDHY4CpibG6OhhXWP7D/j9vgrlrrkrKYi+RdOAAAAAA=" },
        { "Go level 6", "c0ec25f836199c09f52418e5d2f465e4da485a3337718840aa3b0f3bbec5bed1", "V0dSMQ4AAAAAAUPvFf8AAAAABvUs/dcrtA19RnOkwVnmnIxylbu+X2K0l5HqaNCNKy1TaSp6P/N7dlf7edorgkAylcejuYdSF77ZjGP/QJAXgae3ffbC+4RPaaiTMbhIFEq1fLQ/BiLG/sZ76ebZ/05oc+veZDgq2LFA5aFv7TNGgfmOWGu2qniwAAAAAAAAAAAAAAAAAAAc2rN/5+eO18BhUFFZpUbVRsrZYBB/H0KchMnnd19pTR3R4y4l2NXOv0mSmUdGrdOEKvrNyz3mAXRGt9k77vxonFC91C2CPm6lUh32d2y2Pd9K+r7KmChR2HcI9gAd1LvTkxyHi51kwK9Exf6+kxogTndbCXdACs4oG4cpz9CC+zniF+uv950CjMslPSHRS+plXdvjukcQrdwrewDLjiujKjItkcObiJT8WWZWDnpUa1e0xWIxKsKAAiE4mRnKdZW5ItUbDH9+KTar+O2aEX30PuDpqkzbwgTIDd6DqUQ5saB8qL6m/tmbbfgdCiuVeeXLdvsDeU3NJk9CVznv9NBUUe8lbhv8NSv2aM1CmiNgdiYm9XqP+ZzFlVMnQQxI56up01FVsXbf2APjgmBpSHC6Ct6lQVdS6flC3x61KQArk6RrfzTgAhHMXkwNF0kWEC8btt0p9kVIQCEAAAAAAA==" },
        { "Wharf", "03ea0e64a46167dbeaa953734f223da76191d3713a25f8a1872de6978eff8b04", "V0dSMRMAAAAAAUPvFf8AAAAAAEGpr/tAR0vzOM4Ey8S9TrGIDFqL6fNtfSxWuLA5IV6v+8mUhnc9SbK7HfPO66Ty84TkIxBuNLjGjTZPmnx7UPcMNWRr0eUbL5L/xqtJOSbM4csuPtnjwuexhJTe6kfE/U7gYiRbhkrDkYNS7s9FAEWrNdbAAAAAAAAAAAAAAAAAAASh840ARuSgWgMnhvLZ2DhaRdHRJ/XkTNxGL1f/5BWCmt63l0h+PQiYQvVrNE80Wc0bRMlgIWlYZehCbTh47wCDJbEnXS0Fk3NFqzU7jcMFsMa4CxX+em9RogUS7gAAAE3xOGVYta7iJfUyHZXwts0u7ycnF+N9qQStTeQCeeCDv+kSGrvYHbC2HVWsOmTl8KTq45pj+fLjkCPycJFMF32BI1Bt2jFUBVPXPJg9DupUYQueUfEc9W8cZ1CCB+TmHSnVvorfz5iWh3EC0dFcAhzagKRUyrFUdgIZQgAAAAA=" },
        { "two members", "56bf2c03e8a3deaaae931ada8be087838b7e4967bcd47642045c26d386e30b56", "V0dSMQYAAAAAAUPvFf8AAAAAAEGprq6T8TqbE6YQrcdv8+BtEm3yPBnQrBIhzz3/xxtJPpKhuycgkE25UdWaY9hybjrpFGnOSrrg2EicLw69m88dgVp2fqe7vmPgmS4ZziOEed4NgmesiiJl/Vj7NhCZoFT0bGXPQ//pH/pLFvRqwAAAAAAAAAAAAAAAAAAAZEHwIToi55kddkNxScmrGP9oqrgD6Tg52D0S7EuxHRFo2xD6j//cB+QtRXgKLwj8JOgeAwvpS8eiq5lA/BSvpcXkyizoXMTQ9VczH/d0HEHyC7dmtavKAA0BcsxZdcL1AVlqjSToUe29xxn69RGC3MqOM0PcfH0O3zQ3fGRWT1wpt9PlY1WzK8C2tQq88PAFNgLllXme5TpVwB0H24Z6EXFQ0tGJtuCwNkvI4AYZ1+D29mrusZbyAAOAcc47jGwCVUMTggmD2q3AGS63QVeBdHaBEh2lPmAXB78rpMF3pUkpQ4PMBHfODbbEOTHPrEYGZSuBgBwzVigWm7izDIUHpz7pylubYxWCPamEYegP4bAH/ALK/L8yBVDm28SvxWmODi+7J3KIkIXhICuTwvOP7A3bj6ITmDW9XTXLtfURqjjwYwBliqkFDDr4AnfHQdRQCyLwxV9JjbhIjltT0hO2rJnSLcUxHKcQsoJtc6FY/L4lhPxJGcVDyqoV4MYzwa0y1Sll/tWGRGOWruiOEESyP7ypwF8XJ08QpAfpooYiHsq0i6bcxwSa9NImYBs4P2Jy+yb+Q9yzlN152r7GzLeU0CBD9C0EQL8dPGuewAhVfTQASyUIK/qx+a40GZ2KCkc5odg/Ci8waiFtJcKxQbkn0DVazw5Gh5vhNtHVlOb+70jh9h0nI+Rm0uPXY3qS6buZw9SOCWhMfFVM2hcYIjg8o06vz4PDu9XivWlg6XbJVjXJCCT1NU717rdIxv4jfZDmopmcy3V6FUeaQbCbUVbQN06918AsdV2lOCLQNvWtZKuWIVOhclzpffFGEgYG4VUE6eN1GEWiJ9HSgD/Nyys82qmHaBaM44MWUOhZdNWczJMiEvPSuszDI4EPIZqEynYNsavfCETPnI3jRYMTdDdh53Ic6J6kIVwdYm3CEg6AsebLyDSKnCP+lk9YGmg570FeGEM59aNY8F/WUDleyzWUOcVwvB/Qn1DYsTnQ7I/0UJf42ObgUb7B3PAmUenR5zUq0CNeT2uvVYwAYTuX35GYnCqtTzk+43Hz50O2HLK/JF+Vmn+qaB1dhuDSyV+arG+fG6VpSX0aEFetytGyMqQPgz4TJeBRIze+Ea7GTfLBPLLQHCN9kjuut6GSgYhs4oxK/Tzf//F2Y7204S3a6JUz3QLUJcWlyV9Pbf6ieBsWrM/rvM5j9uCvmpcNxOomzJEaqZfTtqgfP+n81NiNHRGqqVt9AbBEdX0yBVS8ayNRpO884JECsUD7Lwlf4s7fqcydFjdS89d0060sP5yZuY6yk50Eilrb+mo+LNg70B7WWnYqUPf8x45ZXSl4GPCzTQBYWr0VVDDyYdbUyjdEuanXJFWG2c4YSH6dyz9Ztu9kAZletqFtts/dPp4R2SaQ6T00Vjud4ApW8/INAyD5zA7xa4GM/QCbvxqAprRoP9jKCSzob1fcFZy/mAwAcmraTtqbAKErqxXilGKn6LKP6//vjCUHg2222hgO8GT7+7v811hNA4YW3CdfOXLfv9GndkGDWeaLv73p5NzWG3Uc+PrwPQA3Yhk7/7th4DeqMW8RswJvMAzdlsC4/uGFi9Q3oGMhTrkBTzNUrGMDRq5vfI/m5oqp1/P/E80OMCxIn27U/NNfyFFjQDdqsy7+ILDU6uy7sEdMMJF/RbahGkao3DCH2vXaJpp/AAAAAA==" },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public async Task A_recipe_gives_what_another_program_wrote_and_is_made_of_it_again(string compressor, string sha256, string recipe)
    {
        var plain = compressor == "two members" ? [.. RecipeSamples.Text(), .. RecipeSamples.Text()] : RecipeSamples.Text();
        var archive = await RecipeSamples.RebuildAsync(Convert.FromBase64String(recipe), plain);
        Convert.ToHexStringLower(SHA256.HashData(archive)).ShouldBe(sha256, compressor);
        var again = RecipeSamples.Write(archive, plain);
        again.Length.ShouldBeLessThan(archive.Length / 80, compressor);
        (await RecipeSamples.RebuildAsync(again, plain)).ShouldBe(archive);
    }

    [Fact]
    public async Task What_Wharf_packs_is_told_in_next_to_nothing()
    {
        // Some pieces, and stored blocks among them.
        byte[] plain = [.. Enumerable.Repeat(RecipeSamples.Text(), 12).SelectMany(static text => text), .. RandomBytes(200_000), .. RecipeSamples.Text(), .. new byte[300_000], .. RandomBytes(3)];
        using var archive = new MemoryStream();
        await using (var gzip = new ParallelGzipStream(archive)) await gzip.WriteAsync(plain, TestContext.Current.CancellationToken);
        var recipe = RecipeSamples.Write(archive.ToArray(), plain);
        recipe.Length.ShouldBeLessThan((int)archive.Length / 200);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(archive.ToArray());
    }

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Fastest)]
    [InlineData(CompressionLevel.Optimal)]
    [InlineData(CompressionLevel.SmallestSize)]
    public async Task A_compressor_that_is_not_known_costs_more_and_is_made_again_too(CompressionLevel level)
    {
        var plain = RecipeSamples.Text();
        using var output = new MemoryStream();
        await using (var gzip = new GZipStream(output, level, leaveOpen: true)) await gzip.WriteAsync(plain, TestContext.Current.CancellationToken);
        var recipe = RecipeSamples.Write(output.ToArray(), plain);
        recipe.Length.ShouldBeLessThan((int)output.Length / 4);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(output.ToArray());
    }

    [Fact]
    public Task Whatever_deflate_allows_is_made_again() => Gen.Int.SampleAsync(async seed =>
    {
        var (archive, plain) = RandomGzip.Make(new Random(seed));
        var recipe = RecipeSamples.Write(archive, plain);
        (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldBe(archive, "seed " + seed);
    }, iter: 40);

    [Fact]
    public async Task A_recipe_for_other_data_is_refused_or_gives_something_else()
    {
        var plain = RecipeSamples.Text();
        var recipe = Convert.FromBase64String(Known.First().Data.Item3);
        var original = await RecipeSamples.RebuildAsync(recipe, plain);
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe, plain[..^1]));
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe, [.. plain, 1]));
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync(recipe[..100], plain));
        await Should.ThrowAsync<InvalidDataException>(RecipeSamples.RebuildAsync([], plain));
        plain[70_000] ^= 1;
        try { (await RecipeSamples.RebuildAsync(recipe, plain)).ShouldNotBe(original); }
        catch (InvalidDataException) { /* told at once */ }
    }

    [Fact]
    public async Task A_recipe_is_proved_before_it_counts()
    {
        var directory = Directory.CreateTempSubdirectory("wharf-recipe-").FullName;
        try
        {
            var plain = RecipeSamples.Text();
            var archive = await RecipeSamples.RebuildAsync(Convert.FromBase64String(Known.First().Data.Item3), plain);
            var (path, draft) = (Path.Combine(directory, "archive"), Path.Combine(directory, "draft"));
            await File.WriteAllBytesAsync(path, archive, TestContext.Current.CancellationToken);
            Task<byte[]> MakeAsync(byte[] digested, byte[] plainDigested, long limit) =>
                RecipeJob.MakeAsync(path, draft, Digest.OfBytes(digested), Digest.OfBytes(plainDigested), limit, TestContext.Current.CancellationToken);
            (await MakeAsync(archive, plain, 10_000)).ShouldBe(SHA256.HashData(await File.ReadAllBytesAsync(draft, TestContext.Current.CancellationToken)));
            (await Should.ThrowAsync<InvalidDataException>(MakeAsync(archive, plain, 100))).Message.ShouldContain("too large");
            (await Should.ThrowAsync<InvalidDataException>(MakeAsync(archive, archive, 10_000))).Message.ShouldContain("its layer");
            (await Should.ThrowAsync<InvalidDataException>(MakeAsync(plain, plain, 10_000))).Message.ShouldContain("does not give");
        }
        finally { Directory.Delete(directory, recursive: true); }
    }
}
