using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>Containers: making, listing and showing them. Life cycle, streams and files are parts of this class.</summary>
public static partial class ContainersApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/containers/json", ListAsync);
        router.Post("/containers/create", CreateAsync);
        router.Get("/containers/{id*}/json", InspectAsync);
        router.Delete("/containers/{id*}", RemoveAsync); // a link is removed as parent/alias
        router.Post("/containers/prune", PruneAsync);
        router.Post("/commit", CommitAsync);
        MapLifeCycle(router);
        MapStreams(router);
        MapFiles(router);
    }

    private static async Task ListAsync(ApiContext context)
    {
        var options = new ContainerListOptions
        {
            All = context.QueryBool("all"),
            Limit = (int)(context.QueryLong("limit") ?? 0),
            Size = context.QueryBool("size"),
            Filters = context.Filters().All,
        };
        var containers = await context.Engine.Containers.ListAsync(options, context.Cancellation);
        VersionedFields.Containers(context.Version, containers);
        await context.WriteJsonAsync(200, containers, DockerApiJson.Default.ListContainerSummary);
    }

    private static async Task CreateAsync(ApiContext context)
    {
        var request = await context.ReadJsonAsync(DockerApiJson.Default.ContainerCreateRequest, required: true);
        DropDefaults(request);
        var warnings = VersionedRequests.Create(context.Version, request);
        var response = await context.Engine.Containers.CreateAsync(request, context.Query("name"), context.Query("platform") is { Length: > 0 } platform && context.Version >= new ApiVersion(1, 41) ? Platforms.Parse(platform) : null, context.Cancellation);
        if (context.Version < new ApiVersion(1, 44)) response.Warnings!.Remove(ContainerService.MacWarning);
        response.Warnings!.InsertRange(0, warnings);
        await context.WriteJsonAsync(201, response, DockerApiJson.Default.ContainerCreateResponse);
    }

    /// <summary>What docker leaves out of its answers when it is false: clients send it, and do not expect it back.</summary>
    private static void DropDefaults(ContainerCreateRequest request)
    {
        if (request.NetworkDisabled == false) request.NetworkDisabled = null;
        if (request.ArgsEscaped == false) request.ArgsEscaped = null;
        if (request.MacAddress is "") request.MacAddress = null;
        foreach (var mount in request.HostConfig?.Mounts ?? [])
            if (mount.ReadOnly == false) mount.ReadOnly = null;
    }

    private static async Task InspectAsync(ApiContext context)
    {
        var response = await context.Engine.Containers.InspectAsync(context.Route("id"), context.QueryBool("size"), context.Cancellation);
        VersionedFields.Container(context.Version, response);
        await context.WriteJsonAsync(200, response, DockerApiJson.Default.ContainerInspectResponse);
    }

    private static async Task RemoveAsync(ApiContext context)
    {
        if (context.QueryBool("link")) await context.Engine.Containers.RemoveLinkAsync(context.Route("id"), context.Cancellation);
        else await context.Engine.Containers.RemoveAsync(context.Route("id"), context.QueryBool("force"), context.QueryBool("v"), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task PruneAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Containers.PruneAsync(context.Filters().All, context.Cancellation), DockerApiJson.Default.ContainerPruneResponse);

    private static async Task CommitAsync(ApiContext context)
    {
        var config = await context.TryReadJsonAsync(DockerApiJson.Default.ContainerConfig);
        var container = context.Query("container");
        if (string.IsNullOrEmpty(container)) throw WharfException.Invalid("invalid name or ID supplied: \"\"");
        var options = new CommitOptions
        {
            Reference = Wharf.Specs.Image.ImageReference.FromParts(context.Query("repo"), context.Query("tag"))?.Familiar,
            Author = context.Query("author"),
            Comment = context.Query("comment"),
            Pause = context.QueryBool("pause", absent: true),
            Changes = [.. context.QueryAll("changes")],
            Config = config,
        };
        var id = await context.Engine.Containers.CommitAsync(container, options, context.Cancellation);
        await context.WriteJsonAsync(201, new IdResponse { Id = id.ToString() }, DockerApiJson.Default.IdResponse);
    }
}
