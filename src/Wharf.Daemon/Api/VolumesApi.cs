using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Engine.Volumes;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>Volumes.</summary>
public static class VolumesApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/volumes", ListAsync);
        router.Post("/volumes/create", async context =>
        {
            var options = await context.ReadJsonAsync(DockerApiJson.Default.VolumeCreateOptions);
            if (options.ClusterVolumeSpec is { ValueKind: System.Text.Json.JsonValueKind.Object }) throw WharfException.Unavailable(ClusterApi.NoManager);
            var volume = await context.Engine.Volumes.CreateAsync(options, context.Cancellation);
            await context.WriteJsonAsync(201, volume, DockerApiJson.Default.Volume);
        });
        router.Post("/volumes/prune", PruneAsync);
        router.Get("/volumes/{name*}", async context =>
            await context.WriteJsonAsync(200, await context.Engine.Volumes.GetAsync(context.Route("name"), context.Cancellation), DockerApiJson.Default.Volume));
        router.Put("/volumes/{name*}", _ => throw WharfException.Unavailable("volume update only valid for cluster volumes, but swarm is unavailable"));
        router.Delete("/volumes/{name*}", async context =>
        {
            await context.Engine.Volumes.RemoveAsync(context.Route("name"), context.QueryBool("force"), context.Cancellation);
            await context.EmptyAsync(204);
        });
        MapOwn(router);
    }

    /// <summary>Wharf's own: volumes copied, renamed, saved and restored as wholes.</summary>
    private static void MapOwn(ApiRouter router)
    {
        router.Post("/volumes/{name}/copy", async context => await context.WriteJsonAsync(201,
            await context.Engine.Volumes.CopyAsync(context.Route("name"), Target(context), context.QueryBool("snapshot"), context.Cancellation), DockerApiJson.Default.Volume));
        router.Post("/volumes/{name}/rename", context => context.WriteJsonAsync(200, context.Engine.Volumes.Rename(context.Route("name"), Target(context)), DockerApiJson.Default.Volume));
        router.Get("/volumes/{name}/export", async context =>
        {
            var name = context.Route("name");
            await context.Engine.Volumes.GetAsync(name, context.Cancellation); // what is not there is told before the answer begins
            context.Http.Response.ContentType = "application/x-tar";
            await context.Engine.Volumes.ExportAsync(name, context.Http.Response.Body, context.Cancellation);
        });
        router.Post("/volumes/{name}/import", async context =>
        {
            await context.Engine.Volumes.ImportAsync(context.Route("name"), context.Http.Request.Body, context.Cancellation);
            await context.EmptyAsync(204);
        });
    }

    private static string Target(ApiContext context) => context.Query("to") is { Length: > 0 } name ? name : throw WharfException.Invalid("the query parameter \"to\" is missing: the new volume's name");

    private static Filters ReadFilters(ApiContext context)
    {
        Filters filters;
        try { filters = context.Filters(); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"error reading volume filters: {error.Message}", error); }
        if (filters.Get("dangling") is { Count: > 1 } several) throw WharfException.Invalid($"invalid filter 'dangling=[{string.Join(' ', several)}]'");
        foreach (var value in filters.Get("dangling"))
            if (value is not ("true" or "1" or "false" or "0")) throw WharfException.Invalid($"invalid filter 'dangling=[{value}]'");
        return filters;
    }

    private static async Task ListAsync(ApiContext context)
    {
        var filters = ReadFilters(context).Accept("dangling", "driver", "label", "name");
        var (all, warnings) = await context.Engine.Volumes.ListAllAsync(context.Cancellation);
        await context.WriteJsonAsync(200, new VolumeListResponse { Volumes = all.FindAll(volume => Matches(context, volume, filters)), Warnings = warnings.Count > 0 ? warnings : null }, DockerApiJson.Default.VolumeListResponse);
    }

    private static bool Matches(ApiContext context, Volume volume, Filters filters)
    {
        bool Any(string key, Func<string, bool> test) => filters.Get(key) is not { Count: > 0 } values || values.Any(test);
        return Any("driver", value => volume.Driver == value) && Any("name", value => ContainerFilters.Matches(value, volume.Name!)) && HasLabels(volume, filters.Get("label"))
            && Any("dangling", value => (value is "true" or "1") == (context.Engine.Volumes.UsersOf(volume.Name!).Count == 0));
    }

    private static bool HasLabels(Volume volume, IEnumerable<string> labels) => labels.All(label =>
    {
        var parts = label.Split('=', 2);
        return volume.Labels is { } own && own.TryGetValue(parts[0], out var value) && (parts.Length == 1 || parts[1] == value);
    });

    private static async Task PruneAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("label", "label!", "all");
        if (filters.Get("all") is { Count: > 1 } several) throw WharfException.Invalid($"invalid filter 'all=[{string.Join(' ', several)}]': only one value is expected");
        if (filters.Get("all") is [var text, ..] && Specs.GoSyntax.Bool(text) is null)
            throw WharfException.Invalid($"invalid filter 'all': strconv.ParseBool: parsing \"{text}\": invalid syntax");
        bool all = Specs.GoSyntax.Bool(filters.Get("all").FirstOrDefault()) == true || context.Version < new ApiVersion(1, 42);
        var (names, bytes) = await context.Engine.Volumes.PruneAsync(all, volume => HasLabels(volume, filters.Get("label")) && (filters.Get("label!").Count == 0 || !HasLabels(volume, filters.Get("label!"))), context.Cancellation);
        await context.WriteJsonAsync(200, new VolumePruneResponse { VolumesDeleted = names, SpaceReclaimed = bytes }, DockerApiJson.Default.VolumePruneResponse);
    }
}
