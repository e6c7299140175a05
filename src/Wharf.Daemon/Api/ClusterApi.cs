using Wharf.Daemon.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>Swarm's operations on an engine that is in no swarm, as docker answers them; and plugins, of which there are none.</summary>
public static class ClusterApi
{
    private const string NoSwarm = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";
    private const string NoPlugins = "engine plugins are not supported";

    public static void Map(ApiRouter router)
    {
        foreach (var noun in (ReadOnlySpan<string>)["nodes", "services", "tasks", "secrets", "configs"])
        {
            router.Get($"/{noun}", NotInSwarm);
            router.Get($"/{noun}/{{id}}", NotInSwarm);
            router.Post($"/{noun}/create", NotInSwarm);
            router.Post($"/{noun}/{{id}}/update", NotInSwarm);
            router.Delete($"/{noun}/{{id}}", NotInSwarm);
            router.Get($"/{noun}/{{id}}/logs", NotInSwarm);
        }
        router.Get("/swarm", NotInSwarm);
        router.Get("/swarm/unlockkey", NotInSwarm);
        foreach (var verb in (ReadOnlySpan<string>)["leave", "update", "unlock"]) router.Post($"/swarm/{verb}", NotInSwarm);
        foreach (var verb in (ReadOnlySpan<string>)["init", "join"])
            router.Post($"/swarm/{verb}", _ => throw WharfException.NotImplemented("swarm mode is not part of Wharf"));
        router.Get("/plugins", NoPluginsAsync);
        router.Get("/plugins/{name*}/json", context => throw WharfException.NotFound($"plugin \"{context.Route("name")}\" not found"));
        router.Post("/plugins/pull", _ => throw WharfException.NotImplemented(NoPlugins));
        router.Post("/plugins/create", _ => throw WharfException.NotImplemented(NoPlugins));
    }

    private static Task NotInSwarm(ApiContext context) => throw WharfException.Unavailable(NoSwarm);

    private static async Task NoPluginsAsync(ApiContext context)
    {
        context.Http.Response.ContentType = "application/json";
        await context.Http.Response.Body.WriteAsync("[]\n"u8.ToArray(), context.Cancellation);
    }
}
