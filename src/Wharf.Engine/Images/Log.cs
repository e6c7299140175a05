using Microsoft.Extensions.Logging;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Log messages of this folder.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "unused layers and blobs could not be freed; it is tried again with the next removal")]
    public static partial void CollectFailed(ILogger logger, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "unused images could not be removed; it is tried again")]
    public static partial void CollectionFailed(ILogger logger, Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "image {Image} ({Names}) is removed by rule {Rule} of the collection: last used {LastUsed:u}, {Bytes} bytes")]
    public static partial void ImageCollected(ILogger logger, Digest image, string names, int rule, DateTime lastUsed, long bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Registry} cannot be used for {Name}, the next one is tried: {Why}")]
    public static partial void EndpointFailed(ILogger logger, string registry, string name, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "attestation {Digest} cannot be had, the image's index will not be pushed whole: {Why}")]
    public static partial void AttestationMissing(ILogger logger, Digest digest, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "an upload to {Repository} that was begun before cannot be gone on with, it begins anew: {Why}")]
    public static partial void UploadBegunAnew(ILogger logger, string repository, string why);

    [LoggerMessage(Level = LogLevel.Debug, Message = "one of several connections for {Url} ends: {Why}")]
    public static partial void PartFailed(ILogger logger, Uri url, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "content {Digest} is damaged and was removed")]
    public static partial void BlobDamaged(ILogger logger, Digest digest);

    [LoggerMessage(Level = LogLevel.Information, Message = "compressed layer {Digest} of {Size} bytes is replaced by a recipe of {RecipeSize}")]
    public static partial void RecipeMade(ILogger logger, Digest digest, long size, long recipeSize);

    [LoggerMessage(Level = LogLevel.Information, Message = "compressed layer {Digest} is kept: {Why}")]
    public static partial void BlobKept(ILogger logger, Digest digest, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "no recipe could be made of compressed layer {Digest} now: {Why}")]
    public static partial void RecipeFailed(ILogger logger, Digest digest, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the recipe of compressed layer {Digest} is damaged, the layer is compressed anew when it is pushed: {Why}")]
    public static partial void RecipeDamaged(ILogger logger, Digest digest, string why);
}
