using System.IO.Compression;
using Wharf.Engine.Content.Recipes.Zstd;

namespace Wharf.Engine.Content.Recipes;

/// <summary>Recipes of either compression, told apart by their first bytes as the archives are.</summary>
internal static class LayerRecipe
{
    /// <summary>Writes the recipe of an archive; gives the plain data's SHA-256. InvalidDataException for what cannot be made again.</summary>
    public static byte[] Write(Func<Stream> archive, Stream recipe, CancellationToken cancellation) =>
        IsGzip(archive) ? GzipRecipe.Write(archive, recipe, cancellation) : ZstdRecipe.Write(archive, recipe, cancellation);

    /// <summary>The model whose recipe of the archive's beginning is the smallest, the first of equals.</summary>
    internal static byte Choose(IReadOnlyList<byte> models, Func<byte, long> size)
    {
        var (best, least) = (models[0], long.MaxValue);
        foreach (byte model in models)
        {
            long written = size(model);
            if (written < least) (best, least) = (model, written);
        }
        return best;
    }

    /// <summary>The archive's plain data.</summary>
    public static Stream Unpack(Func<Stream> archive) => IsGzip(archive) ? new GZipStream(archive(), CompressionMode.Decompress) : ZstdDecoder.Open(archive());

    private static bool IsGzip(Func<Stream> archive)
    {
        using var input = archive();
        return input.ReadByte() == 0x1f;
    }

    /// <summary>Makes the archive of its plain data. InvalidDataException when the recipe is damaged or for other data; the caller proves the bytes by their digest.</summary>
    public static async Task RebuildAsync(Stream recipe, Stream plain, Stream output, CancellationToken cancellation)
    {
        var head = new byte[5];
        if (await recipe.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false) < head.Length) throw new InvalidDataException("no recipe");
        var magic = head.AsMemory(0, 4);
        if (magic.Span.SequenceEqual(GzipRecipe.Magic)) await new RecipePlayer(recipe, head[4]).RunAsync(plain, output, cancellation).ConfigureAwait(false);
        else if (magic.Span.SequenceEqual(ZstdRecipe.Magic)) await new ZstdPlayer(recipe, head[4]).RunAsync(plain, output, cancellation).ConfigureAwait(false);
        else throw new InvalidDataException("no recipe");
    }
}
