using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>Networks.</summary>
public static class NetworksApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/networks", ListAsync);
        router.Get("/networks/{id*}", InspectAsync);
        router.Delete("/networks/{id*}", async context =>
        {
            await context.Engine.Networks.RemoveAsync(context.Route("id"), context.Cancellation);
            await context.EmptyAsync(204);
        });
        router.Post("/networks/create", async context =>
        {
            var request = await context.TryReadJsonAsync(DockerApiJson.Default.NetworkCreateRequest) ?? new NetworkCreateRequest();
            VersionedRequests.Network(context.Version, request);
            await context.WriteJsonAsync(201, await context.Engine.Networks.CreateAsync(request, context.Cancellation), DockerApiJson.Default.NetworkCreateResponse);
        });
        router.Post("/networks/{id}/connect", async context =>
        {
            var request = await context.ReadJsonAsync(DockerApiJson.Default.NetworkConnectRequest);
            await context.Engine.Containers.ConnectAsync(NonEmpty(request.Container), context.Route("id"), request.EndpointConfig, context.Cancellation);
            await context.EmptyAsync(200);
        });
        router.Post("/networks/{id}/disconnect", async context =>
        {
            var request = await context.ReadJsonAsync(DockerApiJson.Default.NetworkDisconnectRequest);
            await context.Engine.Containers.DisconnectAsync(NonEmpty(request.Container), context.Route("id"), request.Force ?? false, context.Cancellation);
            await context.EmptyAsync(200);
        });
        router.Post("/networks/prune", PruneAsync);
        router.Get("/containers/{id}/reach", ExplainAsync);
    }

    /// <summary>Wharf's own: who can reach a container or its port, in words.</summary>
    private static async Task ExplainAsync(ApiContext context)
    {
        var text = System.Text.Encoding.UTF8.GetBytes(string.Join('\n', context.Engine.Containers.Explain(context.Route("id"), context.Query("port"))) + "\n");
        context.Http.Response.ContentType = "text/plain; charset=utf-8";
        context.Http.Response.ContentLength = text.Length;
        await context.Http.Response.Body.WriteAsync(text, context.Cancellation);
    }

    private static string NonEmpty(string? container) => string.IsNullOrEmpty(container) ? throw WharfException.Invalid("invalid name or ID supplied: \"\"") : container;

    private static Task InspectAsync(ApiContext context)
    {
        if (context.Query("verbose") is { Length: > 0 } verbose && Specs.GoSyntax.Bool(verbose) is null)
            throw WharfException.Invalid($"invalid value for verbose: {verbose}: strconv.ParseBool: parsing \"{verbose}\": invalid syntax");
        // Docker tells the status from 1.52 on; before, who asks is told.
        var network = context.Engine.Networks.Inspect(context.Route("id"), withStatus: context.QueryBool("status"));
        if (context.Query("scope") is { Length: > 0 } scope && scope != network.Scope) throw WharfException.NotFound($"network {context.Route("id")} not found");
        return context.WriteJsonAsync(200, network, DockerApiJson.Default.Network);
    }

    private static async Task ListAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("dangling", "driver", "id", "label", "name", "scope", "type");
        foreach (var value in filters.Get("type")) if (value is not ("custom" or "builtin")) throw WharfException.Invalid($"invalid filter: 'type'='{value}'");
        foreach (var value in filters.Get("dangling"))
            if (value is not ("true" or "1" or "false" or "0")) throw WharfException.Invalid("invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")");
        if (filters.Get("dangling").Count > 1) throw WharfException.Invalid("got more than one value for filter key \"dangling\"");
        var networks = context.Engine.Networks.List().Where(network => Matches(context, network, filters)).OrderByDescending(network => network.Created, StringComparer.Ordinal).ToList();
        if (context.Version < new ApiVersion(1, 28)) networks = networks.ConvertAll(network => context.Engine.Networks.Inspect(network.Id!)); // lists told of the containers then
        await context.WriteJsonAsync(200, networks, DockerApiJson.Default.ListNetwork);
    }

    private static bool Matches(ApiContext context, Network network, Filters filters)
    {
        bool Any(string key, Func<string, bool> test) => filters.Get(key) is not { Count: > 0 } values || values.Any(test);
        bool custom = network.Name is not ("bridge" or "host" or "none");
        return Any("driver", value => network.Driver == value) && Any("id", value => ContainerFilters.Matches(value, network.Id!)) && Any("name", value => ContainerFilters.Matches(value, network.Name!))
            && Any("scope", value => network.Scope == value) && Any("type", value => value == (custom ? "custom" : "builtin")) && HasLabels(network, filters.Get("label"))
            && Any("dangling", value => (value is "true" or "1") == (custom && !context.Engine.Networks.IsUsed(network.Id!)));
    }

    private static bool HasLabels(Network network, IEnumerable<string> labels) => labels.All(label =>
    {
        var parts = label.Split('=', 2);
        return network.Labels is { } own && own.TryGetValue(parts[0], out var value) && (parts.Length == 1 || parts[1] == value);
    });

    private static async Task PruneAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("label", "label!", "until");
        var until = ContainerFilters.Until(filters.Get("until"), DateTimeOffset.UtcNow);
        var removed = await context.Engine.Networks.PruneAsync(network => HasLabels(network, filters.Get("label")) && (filters.Get("label!").Count == 0 || !HasLabels(network, filters.Get("label!")))
            && (until is null || DateTimeOffset.Parse(network.Created!, CultureInfo.InvariantCulture) < until), context.Cancellation);
        context.Engine.Events.Publish("network", "prune", "", new Dictionary<string, string> { ["reclaimed"] = "0" });
        await context.WriteJsonAsync(200, new NetworkPruneResponse { NetworksDeleted = removed.Count > 0 ? removed : null }, DockerApiJson.Default.NetworkPruneResponse);
    }
}
