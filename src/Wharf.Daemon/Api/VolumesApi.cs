using Wharf.Daemon.Http;
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
            var volume = await context.Engine.Volumes.CreateAsync(await context.TryReadJsonAsync(DockerApiJson.Default.VolumeCreateOptions) ?? new VolumeCreateOptions(), context.Cancellation);
            await context.WriteJsonAsync(201, volume, DockerApiJson.Default.Volume);
        });
        router.Post("/volumes/prune", PruneAsync);
        router.Get("/volumes/{name}", async context =>
            await context.WriteJsonAsync(200, await context.Engine.Volumes.GetAsync(context.Route("name"), context.Cancellation), DockerApiJson.Default.Volume));
        router.Put("/volumes/{name}", _ => throw WharfException.NotImplemented("cluster volumes are not supported"));
        router.Delete("/volumes/{name}", context =>
        {
            context.Engine.Volumes.Remove(context.Route("name"), context.QueryBool("force"));
            return context.EmptyAsync(204);
        });
    }

    private static async Task ListAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "driver", "label", "name");
        var volumes = context.Engine.Volumes.List().Where(volume => Matches(context, volume, filters)).ToList();
        await context.WriteJsonAsync(200, new VolumeListResponse { Volumes = volumes, Warnings = null }, DockerApiJson.Default.VolumeListResponse);
    }

    private static bool Matches(ApiContext context, Volume volume, Filters filters)
    {
        bool Any(string key, Func<string, bool> test) => filters.Get(key) is not { Count: > 0 } values || values.Any(test);
        return Any("driver", value => volume.Driver == value) && Any("name", value => volume.Name!.Contains(value, StringComparison.Ordinal)) && HasLabels(volume, filters.Get("label"))
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
        bool all = filters.Get("all") is ["true" or "1", ..] || context.Version < new ApiVersion(1, 42);
        var (names, bytes) = context.Engine.Volumes.Prune(all, volume => HasLabels(volume, filters.Get("label")) && (filters.Get("label!").Count == 0 || !HasLabels(volume, filters.Get("label!"))));
        await context.WriteJsonAsync(200, new VolumePruneResponse { VolumesDeleted = names, SpaceReclaimed = bytes }, DockerApiJson.Default.VolumePruneResponse);
    }
}
