using System.Security.Cryptography;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>
/// What it takes to make the very bytes of a zstd archive again from its plain data. A recipe is four bytes "WZR1", the number of the model, and a
/// range-coded stream of parts.
/// </summary>
internal static class ZstdRecipe
{
    private const long Sample = 4 << 20;

    public static ReadOnlySpan<byte> Magic => "WZR1"u8;

    /// <summary>Writes the recipe; gives the plain data's SHA-256. InvalidDataException for what cannot be made again.</summary>
    public static byte[] Write(Func<Stream> archive, Stream recipe, CancellationToken cancellation)
    {
        byte model = Choose(archive, cancellation);
        recipe.Write([.. Magic, model]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var input = archive();
        new ZstdRecorder(input, recipe, model, hash, cancellation).Run();
        return hash.GetHashAndReset();
    }

    private static byte Choose(Func<Stream> archive, CancellationToken cancellation) => LayerRecipe.Choose(ZstdModels.All, model =>
    {
        using var input = archive();
        var recorder = new ZstdRecorder(input, Stream.Null, model, null, cancellation);
        recorder.Run(Sample);
        return recorder.Written;
    });
}
