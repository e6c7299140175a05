using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
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
        router.Get("/images/{name*}/json", InspectAsync);
        router.Get("/images/{name*}/history", HistoryAsync);
        router.Get("/images/{name*}/get", SaveAsync);
        router.Get("/images/{name*}/attestations", AttestationsAsync);
        router.Post("/images/{name*}/push", PushAsync);
        router.Post("/images/{name*}/tag", TagAsync);
        router.Delete("/images/{name*}", RemoveAsync);
    }

    private static async Task ListAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "label", "before", "since", "reference", "until");
        var dangling = filters.Get("dangling");
        var query = new ImageQuery
        {
            Dangling = dangling.Count == 0 ? null : IsTrue(dangling, "dangling"),
            All = context.QueryBool("all"),
            Labels = filters.Get("label"),
            // Until API 1.40 there was a parameter of its own for it.
            References = context.Version < new ApiVersion(1, 41) && context.Query("filter") is { Length: > 0 } name ? [.. filters.Get("reference"), name] : filters.Get("reference"),
            Before = filters.Get("before").FirstOrDefault(),
            Since = filters.Get("since").FirstOrDefault(),
            Until = ContainerFilters.Until(filters.Get("until"), DateTimeOffset.UtcNow),
            SharedSize = context.Version >= new ApiVersion(1, 42) && context.QueryBool("shared-size"),
            Manifests = context.Version >= new ApiVersion(1, 47) && context.QueryBool("manifests"),
        };
        var images = await context.Engine.Images.ListAsync(query, context.Cancellation);
        VersionedFields.Images(context.Version, images);
        await context.WriteJsonAsync(200, images, DockerApiJson.Default.ListImageSummary);
    }

    internal static bool IsTrue(IReadOnlyList<string> values, string filter)
    {
        var given = values.Select(Specs.GoSyntax.Bool).Distinct().ToList();
        return given is [{ } one] ? one : throw WharfException.Invalid($"invalid filter '{filter}=[{string.Join(' ', values)}]'");
    }

    private static async Task InspectAsync(ApiContext context)
    {
        var platform = JsonPlatforms(context, since: new(1, 49)).FirstOrDefault();
        bool manifests = context.Version >= new ApiVersion(1, 48) && context.QueryBool("manifests");
        if (platform is not null && manifests) throw WharfException.Invalid("conflicting options: manifests and platform options cannot both be set");
        var image = await context.Engine.Images.InspectAsync(context.Route("name"), platform, manifests, context.Cancellation);
        VersionedFields.Image(context.Version, image);
        await context.WriteJsonAsync(200, image, DockerApiJson.Default.ImageInspect);
    }

    private static async Task HistoryAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Images.HistoryAsync(context.Route("name"), JsonPlatforms(context).FirstOrDefault(), context.Cancellation), DockerApiJson.Default.ListHistoryResponseItem);

    /// <summary>Docker's from API 1.55 on; here at any version.</summary>
    private static async Task AttestationsAsync(ApiContext context)
    {
        var platforms = JsonPlatforms(context, since: new(1, 24));
        if (platforms.Count > 1) throw WharfException.Invalid("multiple platform parameters are not supported");
        var types = context.QueryAll("type").Where(static type => type.Length > 0).ToList();
        var statements = await context.Engine.Images.AttestationsAsync(context.Route("name"), platforms.FirstOrDefault(), types, context.QueryBool("statement"), context.Cancellation);
        await context.WriteJsonAsync(200, statements, WharfJson.Default.ListAttestationStatement);
    }

    private static async Task TagAsync(ApiContext context)
    {
        var name = ImageReference.FromParts(context.Query("repo"), context.Query("tag"));
        try { await context.Engine.Images.GetAsync(context.Route("name"), null, context.Cancellation); }
        // Here, and only here, docker does not tell a name that cannot be one from one that is not there.
        catch (WharfException error) when (error.Kind == ErrorKind.InvalidArgument && error.Message.StartsWith("invalid reference format", StringComparison.Ordinal)) { throw WharfException.NotFound(error.Message); }
        // As dockerd answers a tag without a repository: nothing done, no error.
        if (name is not null) await context.Engine.Images.TagAsync(context.Route("name"), name.Familiar, context.Cancellation);
        await context.EmptyAsync(name is null ? 200 : 201);
    }

    private static async Task RemoveAsync(ApiContext context)
    {
        var platforms = JsonPlatforms(context, "platforms", new(1, 50));
        if (platforms.Count > 1) throw WharfException.Invalid("multiple platforms are not supported");
        var removed = await context.Engine.Images.RemoveAsync(context.Route("name"), platforms.FirstOrDefault(), context.QueryBool("force"), !context.QueryBool("noprune"), context.Cancellation);
        await context.WriteJsonAsync(200, removed, DockerApiJson.Default.ListImageDeleteResponseItem);
    }

    private static async Task PruneAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "label", "label!", "until");
        var dangling = filters.Get("dangling");
        bool all = dangling.Count > 0 && !IsTrue(dangling, "dangling");
        var answer = await context.Engine.Images.PruneAsync(all, ContainerFilters.Until(filters.Get("until"), DateTimeOffset.UtcNow), filters.Get("label"), filters.Get("label!"), context.Cancellation);
        await context.WriteJsonAsync(200, answer, DockerApiJson.Default.ImagePruneResponse);
    }
}
