using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Http;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>Images: listing, inspecting, tagging and removing. Transfers are in ImagesApi.Transfer.cs.</summary>
public static partial class ImagesApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/images/json", ListAsync);
        router.Post("/images/create", CreateAsync);
        router.Post("/images/load", LoadAsync);
        router.Post("/images/prune", PruneAsync);
        router.Get("/images/get", SaveAsync);
        router.Get("/images/search", _ => throw WharfException.NotImplemented("searching registries is not supported"));
        router.Get("/images/{name*}/json", InspectAsync);
        router.Get("/images/{name*}/history", HistoryAsync);
        router.Get("/images/{name*}/get", SaveAsync);
        router.Post("/images/{name*}/push", PushAsync);
        router.Post("/images/{name*}/tag", TagAsync);
        router.Delete("/images/{name*}", RemoveAsync);
        router.Get("/distribution/{name*}/json", _ => throw WharfException.NotImplemented("inspecting an image in its registry is not supported"));
    }

    private static async Task ListAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "label", "before", "since", "reference", "until");
        var dangling = filters.Get("dangling");
        var query = new ImageQuery
        {
            Dangling = dangling.Count == 0 ? null : IsTrue(dangling[0], "dangling"),
            Labels = filters.Get("label"),
            References = filters.Get("reference"),
            Before = filters.Get("before").FirstOrDefault(),
            Since = filters.Get("since").FirstOrDefault(),
            Until = Time(filters.Get("until").FirstOrDefault()),
            SharedSize = context.QueryBool("shared-size"),
        };
        var images = await context.Engine.Images.ListAsync(query, context.Cancellation);
        VersionedFields.Images(context.Version, images);
        await context.WriteJsonAsync(200, images, DockerApiJson.Default.ListImageSummary);
    }

    private static bool IsTrue(string value, string filter) => value switch
    {
        "true" or "1" or "t" or "T" or "TRUE" or "True" => true,
        "false" or "0" or "f" or "F" or "FALSE" or "False" => false,
        _ => throw WharfException.Invalid($"invalid filter '{filter}={value}'"),
    };

    private static DateTimeOffset? Time(string? text) => EventsApi.ParseTime(text, "until") is { } nanoseconds ? DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / 100) : null;

    private static async Task InspectAsync(ApiContext context)
    {
        if (context.QueryBool("manifests")) throw WharfException.Invalid("conflicting options: manifests and this image store: manifests are not kept with images");
        var image = await context.Engine.Images.InspectAsync(context.Route("name"), PlatformOf(context), context.Cancellation);
        VersionedFields.Image(context.Version, image);
        await context.WriteJsonAsync(200, image, DockerApiJson.Default.ImageInspect);
    }

    private static async Task HistoryAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Images.HistoryAsync(context.Route("name"), PlatformOf(context), context.Cancellation), DockerApiJson.Default.ListHistoryResponseItem);

    /// <summary>The platform parameter: JSON of an OCI platform, or <c>os/arch</c>.</summary>
    private static Platform? PlatformOf(ApiContext context)
    {
        if (context.Query("platform") is not { Length: > 0 } text) return null;
        if (!text.StartsWith('{')) return Platforms.Parse(text);
        try { return JsonSerializer.Deserialize(text, DockerApiJson.Default.Platform); }
        catch (JsonException error) { throw WharfException.Invalid($"invalid value for query parameter \"platform\": {error.Message}", error); }
    }

    private static async Task TagAsync(ApiContext context)
    {
        var repository = context.Query("repo") ?? "";
        var tag = context.Query("tag");
        var image = await context.Engine.Images.GetAsync(context.Route("name"), null, context.Cancellation);
        await context.Engine.Images.TagAsync(image.Id, tag is { Length: > 0 } ? $"{repository}:{tag}" : repository, context.Cancellation);
        await context.EmptyAsync(201);
    }

    private static async Task RemoveAsync(ApiContext context)
    {
        var removed = await context.Engine.Images.RemoveAsync(context.Route("name"), context.QueryBool("force"), context.Cancellation);
        await context.WriteJsonAsync(200, removed, DockerApiJson.Default.ListImageDeleteResponseItem);
    }

    private static async Task PruneAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "label", "label!", "until");
        var dangling = filters.Get("dangling");
        bool all = dangling.Count > 0 && !IsTrue(dangling[0], "dangling");
        var answer = await context.Engine.Images.PruneAsync(all, Time(filters.Get("until").FirstOrDefault()), filters.Get("label"), filters.Get("label!"), context.Cancellation);
        await context.WriteJsonAsync(200, answer, DockerApiJson.Default.ImagePruneResponse);
    }
}
