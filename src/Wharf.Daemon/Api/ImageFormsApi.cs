using Wharf.Daemon.Http;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using static Wharf.Engine.Images.ImageService;

namespace Wharf.Daemon.Api;

/// <summary>Images in another form (Wharf's own): layers made one, layers packed otherwise.</summary>
public static class ImageFormsApi
{
    public static void Map(ApiRouter router)
    {
        router.Post("/wharf/images/{name*}/squash", SquashAsync);
        router.Post("/wharf/images/{name*}/convert", ConvertAsync);
    }

    private static async Task SquashAsync(ApiContext context)
    {
        var image = await context.Engine.Images.SquashAsync(context.Route("name"), context.Query("from"), context.QueryAll("t"), ImagesApi.JsonPlatforms(context).FirstOrDefault(), context.Cancellation);
        await context.WriteJsonAsync(201, new IdResponse { Id = image.Id.ToString() }, DockerApiJson.Default.IdResponse);
    }

    private static async Task ConvertAsync(ApiContext context)
    {
        var compression = context.Query("compression") switch
        {
            null or "" or "gzip" => LayerCompression.Gzip,
            "zstd" => LayerCompression.Zstd,
            "none" => LayerCompression.Uncompressed,
            var other => throw WharfException.Invalid($"bad parameter: compression is gzip, zstd or none, not \"{other}\""),
        };
        bool oci = context.Query("types") switch { null or "" or "oci" => true, "docker" => false, var other => throw WharfException.Invalid($"bad parameter: types is oci or docker, not \"{other}\"") };
        var converted = await context.Engine.Images.ConvertAsync(context.Route("name"), context.Query("to") ?? "", compression, oci, ImagesApi.JsonPlatforms(context).FirstOrDefault(), context.Cancellation);
        await context.WriteJsonAsync(201, converted, WharfJson.Default.ConvertedImage);
    }
}
