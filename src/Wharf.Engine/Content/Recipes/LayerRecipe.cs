using System.IO.Compression;
using System.Security.Cryptography;
using Wharf.Engine.Content.Recipes.Zstd;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// What it takes to make the very bytes of a compressed archive again from its plain data: a few thousandths of it where the compressor is known. A recipe
/// is four bytes, "WGR1" for gzip and "WZR1" for zstd, the number of the model, and a range-coded stream of parts.
/// </summary>
internal static class LayerRecipe
{
    private const long Sample = 2 << 20;

    private static ReadOnlySpan<byte> Gzip => "WGR1"u8;
    private static ReadOnlySpan<byte> Zstd => "WZR1"u8;

    /// <summary>Writes the recipe of an archive; gives the plain data's SHA-256. InvalidDataException for what cannot be made again.</summary>
    public static byte[] Write(Func<Stream> archive, Stream recipe, CancellationToken cancellation)
    {
        bool isGzip = IsGzip(archive);
        byte model = Choose(archive, isGzip, cancellation);
        recipe.Write([.. isGzip ? Gzip : Zstd, model]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Record(archive, isGzip, recipe, model, hash, long.MaxValue, cancellation);
        return hash.GetHashAndReset();
    }

    /// <summary>The model that says best what the archive's beginning says, the first of equals.</summary>
    private static byte Choose(Func<Stream> archive, bool isGzip, CancellationToken cancellation)
    {
        var models = isGzip ? CompressorModel.All : ZstdModels.All;
        var (best, least) = (models[0], long.MaxValue);
        foreach (byte model in models)
        {
            long written = Record(archive, isGzip, Stream.Null, model, null, Sample, cancellation);
            if (written < least) (best, least) = (model, written);
        }
        return best;
    }

    /// <summary>Records all or the beginning; gives how much was written.</summary>
    private static long Record(Func<Stream> archive, bool isGzip, Stream recipe, byte model, IncrementalHash? hash, long stopAfter, CancellationToken cancellation)
    {
        using var input = archive();
        if (isGzip)
        {
            var gzip = new RecipeRecorder(input, recipe, model, hash, cancellation);
            gzip.Run(stopAfter);
            return gzip.Written;
        }
        var zstd = new ZstdRecorder(input, recipe, model, hash, cancellation);
        zstd.Run(stopAfter);
        return zstd.Written;
    }

    /// <summary>The archive's plain data.</summary>
    public static Stream Unpack(Func<Stream> archive) => IsGzip(archive) ? new GZipStream(archive(), CompressionMode.Decompress) : ZstdDecoder.Open(archive());

    private static bool IsGzip(Func<Stream> archive)
    {
        using var input = archive();
        return input.ReadByte() == 0x1f;
    }

    /// <summary>How many of <see cref="RecipeShares"/> it takes to play a recipe, which stays at its beginning.</summary>
    public static async Task<int> ShareAsync(Stream recipe, CancellationToken cancellation)
    {
        var head = new byte[Zstd.Length];
        int read = await recipe.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        recipe.Position = 0;
        // zstd's windows and tables take as much as four of gzip's.
        return read == head.Length && head.AsSpan().SequenceEqual(Zstd) ? RecipeShares.All : 1;
    }

    /// <summary>Makes the archive of its plain data. InvalidDataException when the recipe is damaged or for other data; the caller proves the bytes by their digest.</summary>
    public static async Task RebuildAsync(Stream recipe, Stream plain, Stream output, CancellationToken cancellation)
    {
        var head = new byte[5];
        if (await recipe.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false) < head.Length) throw new InvalidDataException("no recipe");
        if (head.AsSpan(0, 4).SequenceEqual(Gzip)) await new RecipePlayer(recipe, head[4]).RunAsync(plain, output, cancellation).ConfigureAwait(false);
        else if (head.AsSpan(0, 4).SequenceEqual(Zstd)) await new ZstdPlayer(recipe, head[4]).RunAsync(plain, output, cancellation).ConfigureAwait(false);
        else throw new InvalidDataException("no recipe");
    }
}
