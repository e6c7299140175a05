using CsCheck;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Archive;

public class HostileTarTests
{
    public static TheoryData<string, string> Broken => new()
    {
        { "checksum", "checksum" },
        { "cut header", "unexpected EOF" },
        { "cut data", "unexpected EOF" },
        { "octal", "octal" },
        { "negative size", "negative size" },
        { "uid", "uid 4294967296 out of range" },
        { "pax length", "malformed PAX record" },
        { "pax no newline", "malformed PAX record" },
        { "pax zero byte", "zero byte" },
        { "pax huge", "extension header" },
        { "long name", "name of 5000 bytes" },
        { "sparse overlap", "malformed sparse map" },
        { "sparse outside", "malformed sparse map" },
        { "sparse more than stored", "stored size" },
        { "sparse endless map", "malformed sparse map" },
        { "sparse pieces", "sparse map too long" },
        { "data after end", "data after an empty block" },
        { "header without member", "unexpected EOF" },
        { "huge file", "larger than" },
    };

    [Theory, MemberData(nameof(Broken))]
    public async Task A_broken_archive_is_refused_with_its_reason(string what, string message)
    {
        var error = await Should.ThrowAsync<WharfException>(async () =>
        {
            var reader = new TarReader(new MemoryStream(Make(what)), new Limits());
            while (await reader.ReadNextAsync(default) is not null) { }
        });
        error.Kind.ShouldBe(ErrorKind.InvalidArgument);
        error.Message.ShouldContain(message);
    }

    private static byte[] Make(string what) => what switch
    {
        "checksum" => Spoil(new RawTar().Add("a").ToArray(), 5),
        "cut header" => new RawTar().Add("a").WithoutEnd()[..300],
        "cut data" => new RawTar().Add("a", content: new string('x', 900)).WithoutEnd()[..1100],
        "octal" => new RawTar().Add("a", sizeField: "0000000009x").ToArray(),
        "negative size" => new RawTar().Add("a", sizeField: new string('\u00ff', 12)).ToArray(),
        "uid" => new RawTar().Pax(("uid", "4294967296")).Add("a").ToArray(),
        "pax length" => new RawTar().Add("x", 'x', "999 path=a\n").Add("a").ToArray(),
        "pax no newline" => new RawTar().Add("x", 'x', "10 path=ab").Add("a").ToArray(),
        "pax zero byte" => new RawTar().Pax(("path", "a\0b")).Add("a").ToArray(),
        "pax huge" => new RawTar().Add("x", 'x', sizeField: "77777777777").ToArray(),
        "long name" => new RawTar().Pax(("path", new string('n', 5000))).Add("a").ToArray(),
        "sparse overlap" => Sparse("0,10,5,10", 100, 20),
        "sparse outside" => Sparse("95,10", 100, 10),
        "sparse more than stored" => Sparse("0,50", 100, 10),
        "sparse endless map" => new RawTar().Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "10")).Add("a", content: new string('1', 512)).ToArray(),
        "sparse pieces" => new RawTar().Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "10")).Add("a", content: "999999999999\n").ToArray(),
        "data after end" => [.. new RawTar().Add("a").WithoutEnd(), .. new byte[512], .. new RawTar().Add("b").ToArray()],
        "header without member" => new RawTar().Pax(("path", "a")).ToArray(),
        "huge file" => new RawTar().Pax(("size", "9000000000000000000")).Add("a").ToArray(),
        _ => throw new ArgumentOutOfRangeException(nameof(what)),
    };

    private static byte[] Sparse(string map, int size, int stored) =>
        new RawTar().Pax(("GNU.sparse.size", size.ToString()), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", map)).Add("a", content: new string('x', stored)).ToArray();

    private static byte[] Spoil(byte[] tar, int at)
    {
        tar[at] ^= 0x55;
        return tar;
    }

    [Fact]
    public void Arbitrary_damage_is_an_error_or_another_archive_but_never_a_crash() =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 3000], Gen.Byte, Gen.Int[0, 3500]).Sample((which, at, value, length) =>
        {
            var tar = which switch { 0 => GnuTarFixtures.OldSparse, 1 => GnuTarFixtures.Pax00, 2 => GnuTarFixtures.Pax01, 3 => GnuTarFixtures.Pax10, _ => GnuTarFixtures.GnuLong };
            tar = tar[..Math.Min(tar.Length, length)];
            if (at < tar.Length) tar[at] = value;
            try
            {
                var reader = new TarReader(new MemoryStream(tar), new Limits());
                while (reader.ReadNextAsync(default).AsTask().GetAwaiter().GetResult() is not null) { }
                reader.DrainAsync(default).AsTask().GetAwaiter().GetResult();
            }
            catch (WharfException error)
            {
                error.Kind.ShouldBe(ErrorKind.InvalidArgument);
            }
        }, iter: 3000);

    [Fact]
    public async Task More_entries_than_allowed_are_refused()
    {
        var tar = new RawTar();
        for (int i = 0; i < 20; i++) tar.Add("f" + i);
        var reader = new TarReader(new MemoryStream(tar.ToArray()), new Limits { MaxLayerEntries = 10 });
        await Should.ThrowAsync<WharfException>(async () => { while (await reader.ReadNextAsync(default) is not null) { } });
    }
}
