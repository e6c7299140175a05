using System.Security.Cryptography;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// What it takes to make the very bytes of a gzip archive again from its plain data: a few thousandths of it where the compressor is known. A recipe is
/// four bytes "WGR1", the number of the model, and a range-coded stream of parts.
/// </summary>
internal static class GzipRecipe
{
    private const long Sample = 2 << 20;

    public static ReadOnlySpan<byte> Magic => "WGR1"u8;

    /// <summary>Writes the recipe; gives the plain data's SHA-256. InvalidDataException for what cannot be made again.</summary>
    public static byte[] Write(Func<Stream> archive, Stream recipe, CancellationToken cancellation)
    {
        byte model = Choose(archive, cancellation);
        recipe.Write([.. Magic, model]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var input = archive();
        new RecipeRecorder(input, recipe, model, hash, cancellation).Run();
        return hash.GetHashAndReset();
    }

    /// <summary>The model that says best what the archive's beginning says.</summary>
    public static byte Choose(Func<Stream> archive, CancellationToken cancellation) => LayerRecipe.Choose(CompressorModel.All, model =>
    {
        using var input = archive();
        var recorder = new RecipeRecorder(input, Stream.Null, model, null, cancellation);
        recorder.Run(Sample);
        return recorder.Written;
    });
}
