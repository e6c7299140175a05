using System.Globalization;
using System.IO.Compression;
using System.Text;

using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Engine.Content.Recipes;
using Wharf.Engine.Content.Recipes.Zstd;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Wharf.Tests.Engine.Archive;
using Wharf.Tests.Engine.Content.Recipes;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>
/// Everything that reads what a stranger sent is fed with honest input spoiled at random: it may refuse (InvalidArgument, NotImplemented) and nothing
/// else. WHARF_FUZZ sets how many inputs each reader gets (./dev fuzz: a million), WHARF_FUZZ_SEED where to begin. Whatever is found is
/// written to the corpus directory, whose files are read each time.
/// </summary>
public class FuzzTests
{
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ"), NumberStyles.None, CultureInfo.InvariantCulture, out int rounds) ? rounds : 1000;
    private static readonly int Seed = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out int seed) ? seed : 1;
    private static readonly string Corpus = Path.Combine(SourceDirectory(), "Corpus");
    private const string Hex = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static string SourceDirectory()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "Wharf.slnx"))) return Path.Combine(directory.FullName, "test", "Wharf.Tests");
        throw new DirectoryNotFoundException("no Wharf.slnx above the tests");
    }

    public static TheoryData<string> Readers => ["tar", "reference", "manifest", "index", "config", "challenge", "pax", "archive", "gzip", "zstd", "recipe"];

    private static readonly Dictionary<string, (byte[][] Seeds, Func<byte[], Task> Read)> Targets = new()
    {
        ["tar"] = ([Tar(), SparseTar(), new RawTar().Pax(("path", "ü"), ("size", "3"), ("SCHILY.xattr.user.a", "b")).Add("a", content: "abc").ToArray()], ReadTarAsync),
        ["pax"] = (["27 mtime=1350244992.023960108\n"u8.ToArray(), "11 path=abc\n"u8.ToArray(), "30 GNU.sparse.map=0,10,20,30,4\n"u8.ToArray()], bytes => Sync(() => PaxRecords.Parse(bytes, 1000))),
        ["reference"] = (Texts("busybox", "localhost:5000/a/b:c@" + Hex, "[::1]:80/a__b/c--d:tag_1.2"), bytes => Sync(() => ImageReference.TryParse(Encoding.UTF8.GetString(bytes), out var reference) ? reference.Familiar : null)),
        ["manifest"] = (Texts($$$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"x","digest":"{{{Hex}}}","size":1},"layers":[{"digest":"{{{Hex}}}","size":3}]}"""), bytes => Sync(() => ManifestDocuments.ParseManifest(bytes, null))),
        ["index"] = (Texts($$$"""{"schemaVersion":2,"manifests":[{"digest":"{{{Hex}}}","size":3,"platform":{"os":"linux","architecture":"arm","variant":"v7"},"annotations":{"a":"b"}}]}"""), bytes => Sync(() =>
            Platforms.Choose(ManifestDocuments.ParseIndex(bytes, null).Manifests ?? [], Platforms.Host))),
        ["config"] = (Texts($$$"""{"architecture":"amd64","os":"linux","created":"2020-01-01T00:00:00Z","config":{"Env":["A=b"],"Cmd":"x","ExposedPorts":{"80/tcp":{} } },"rootfs":{"type":"layers","diff_ids":["{{{Hex}}}"]},"history":[{"created_by":"x","empty_layer":true}]}"""), bytes => Sync(() => ImageService.ParseConfig(bytes))),
        ["challenge"] = (Texts("realm=\"https://a/token\",service=\"s\",scope=\"repository:a:pull,push\",error=insufficient_scope"), bytes => Sync(() => Challenge.Parse(Encoding.Latin1.GetString(bytes)))),
        ["archive"] = ([new RawTar().Add("manifest.json", content: """[{"Config":"c","Layers":["l"]}]""").Add("c", content: "{}").Add("l", '2', link: "c").Add("h", '1', link: "l").ToArray()], ReadArchiveAsync),
        ["gzip"] = ([Gzip(6), Gzip(1), OwnGzip()], bytes => Refused(() => { foreach (int model in (int[])[6, 19]) new RecipeRecorder(new MemoryStream(bytes), Stream.Null, model, null, default).Run(); return Task.CompletedTask; })),
        ["zstd"] = ([Zstd(3), Zstd(19), RandomZstd.Make(new Random(1)).Archive], bytes => Refused(() => { new ZstdRecorder(new MemoryStream(bytes), Stream.Null, ZstdModels.All[0], null, default).Run(); return Task.CompletedTask; })),
        ["recipe"] = ([Recipe(Gzip(6)), Recipe(Gzip(1)), Recipe(OwnGzip()), Recipe(Zstd(3)), Recipe(Zstd(19))], bytes => Refused(() => LayerRecipe.RebuildAsync(new MemoryStream(bytes), new MemoryStream(RecipeText), Stream.Null, default))),
    };

    private static byte[] RecipeText => Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Range(0, 600).Select(static number => number * 7919 % 1000)));

    private static byte[] Gzip(int level)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, new ZLibCompressionOptions { CompressionLevel = level })) gzip.Write(RecipeText);
        return output.ToArray();
    }

    private static byte[] OwnGzip()
    {
        using var output = new MemoryStream();
        var gzip = new ParallelGzipStream(output);
        gzip.WriteAsync(RecipeText).AsTask().GetAwaiter().GetResult();
        gzip.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return output.ToArray();
    }

    private static byte[] Zstd(int level)
    {
        using var output = new MemoryStream();
        using (var zstd = new ZstdSharp.CompressionStream(output, level)) zstd.Write(RecipeText);
        return output.ToArray();
    }

    private static byte[] Recipe(byte[] archive)
    {
        using var recipe = new MemoryStream();
        LayerRecipe.Write(() => new MemoryStream(archive), recipe, default);
        return recipe.ToArray();
    }

    /// <summary>Recipes know one error of their own.</summary>
    private static async Task Refused(Func<Task> read)
    {
        try { await read(); }
        catch (InvalidDataException error) { error.Message.ShouldNotBeEmpty(); }
    }


    [Theory]
    [MemberData(nameof(Readers))]
    public async Task A_reader_refuses_or_reads_and_does_nothing_else(string reader)
    {
        var (seeds, read) = Targets[reader];
        var random = new Random(Seed);
        for (int round = 0; round < Rounds; round++)
        {
            var input = Spoil(seeds[random.Next(seeds.Length)], random);
            try { await ReadAsync(read, input); }
            catch (Exception error)
            {
                var path = Path.Combine(Corpus, $"{reader}-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(input))[..12]}");
                await File.WriteAllBytesAsync(path, input);
                throw new InvalidOperationException($"{reader}: {error.GetType().Name} in round {round}; the input is in {path}", error);
            }
        }
    }

    [Fact]
    public async Task What_was_found_once_stays_found()
    {
        foreach (var path in Directory.EnumerateFiles(Corpus))
        {
            var reader = Path.GetFileName(path).Split('-')[0];
            if (!Targets.TryGetValue(reader, out var target)) continue;
            await ReadAsync(target.Read, await File.ReadAllBytesAsync(path));
        }
    }

    private static async Task ReadAsync(Func<byte[], Task> read, byte[] input)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try { await read(input).WaitAsync(patience.Token); }
        catch (WharfException error) when (error.Kind is ErrorKind.InvalidArgument or ErrorKind.NotImplemented) { error.Message.ShouldNotBeEmpty(); }
    }

    private static Task Sync(Func<object?> read)
    {
        read();
        return Task.CompletedTask;
    }

    private static async Task ReadTarAsync(byte[] bytes)
    {
        var reader = new TarReader(new MemoryStream(bytes), new Limits { MaxLayerBytes = 1 << 24 });
        while (await reader.ReadNextAsync(default) is { } entry)
        {
            var path = new EntryPath(5000);
            path.Set(entry.Name);
            for (var data = await reader.ReadDataAsync(default); !data.IsEmpty; data = await reader.ReadDataAsync(default)) data.Length.ShouldBePositive();
        }
        await reader.DrainAsync(default);
    }

    private static async Task ReadArchiveAsync(byte[] bytes)
    {
        var directory = Directory.CreateTempSubdirectory("wharf-fuzz-").FullName;
        try
        {
            using var members = await ArchiveMembers.ReadAsync(new MemoryStream(bytes), directory, new Limits { MaxLayerBytes = 1 << 24 }, default);
            foreach (var manifest in await members.DocumentAsync("manifest.json", Wharf.Specs.DockerApi.JsonMessageJson.Default.ListArchiveManifest, default))
                foreach (var layer in (manifest?.Layers ?? []).Append(manifest?.Config ?? "").Where(name => name is not null)) Path.GetDirectoryName(Path.GetDirectoryName(members.PathOf(layer))).ShouldBe(directory);
        }
        finally { Directory.Delete(directory, recursive: true); }
    }

    /// <summary>One to eight of: a bit turned, a byte set, bytes taken out, doubled, put in; a number made huge.</summary>
    private static byte[] Spoil(byte[] seed, Random random)
    {
        var bytes = new List<byte>(seed);
        for (int count = random.Next(1, 9); count > 0 && bytes.Count > 0; count--)
        {
            // Where an archive has its headers is where it hurts.
            int at = random.Next(random.Next(3) == 0 ? Math.Min(512, bytes.Count) : bytes.Count);
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 600), bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 600), bytes.Count - at))); break;
                case 4: bytes.InsertRange(at, Enumerable.Range(0, random.Next(1, 20)).Select(_ => (byte)random.Next(256))); break;
                case 5: bytes[at] = "0123456789\"{}[]:,\\/\0-"u8[random.Next(21)]; break;
                default: for (int i = at; i < Math.Min(at + 12, bytes.Count); i++) if (bytes[i] is >= (byte)'0' and <= (byte)'9') bytes[i] = (byte)'7'; break;
            }
        }
        var spoiled = bytes.ToArray();
        // Half of the time the header sums are put right, or nothing but the sum would ever be tested.
        if (random.Next(2) == 0) for (int at = 0; at + 512 <= spoiled.Length; at += 512) if (spoiled.AsSpan(at + 257, 5).SequenceEqual("ustar"u8)) TarHeader.Seal(spoiled.AsSpan(at, 512));
        return spoiled;
    }

    private static byte[][] Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    private static byte[] Tar() => new RawTar().Add("dir/", '5').Add("dir/file", content: new string('x', 700)).Add("link", '2', link: "dir/file").Add("hard", '1', link: "dir/file").Add("././@LongLink", 'L', new string('n', 200) + "\0").Add("short").ToArray();

    private static byte[] SparseTar() => new RawTar().Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "5000"))
        .Add("s", content: "2\n0\n3\n4000\n4\n".PadRight(512, '\0') + "abcdefg").ToArray();
}
