using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary>Secrets of plain containers (Wharf's own): docker's <c>/secrets</c> are of swarm, and answered as by an engine that is in none.</summary>
public static class SecretsApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/wharf/secrets", context => context.WriteJsonAsync(200, context.Engine.Secrets.List(), WharfJson.Default.ListSecret));
        router.Post("/wharf/secrets", async context => await context.WriteJsonAsync(201, context.Engine.Secrets.Create(await context.ReadJsonAsync(WharfJson.Default.SecretCreateRequest, required: true)), WharfJson.Default.Secret));
        router.Get("/wharf/secrets/{name}", context => context.WriteJsonAsync(200, context.Engine.Secrets.Get(context.Route("name")), WharfJson.Default.Secret));
        router.Delete("/wharf/secrets/{name}", async context =>
        {
            context.Engine.Containers.RemoveSecret(context.Route("name"));
            await context.EmptyAsync(204);
        });
    }
}
