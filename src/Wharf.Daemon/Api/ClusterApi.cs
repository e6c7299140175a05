using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>
/// Swarm's operations on an engine that is in no swarm, as docker answers them: what is wrong with a request is told before that
/// there is no swarm. Joining and making swarms is not part of Wharf.
/// </summary>
public static class ClusterApi
{
    internal const string NoManager = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

    public static void Map(ApiRouter router)
    {
        router.Get("/swarm", NotInSwarm);
        router.Get("/swarm/unlockkey", NotInSwarm);
        router.Post("/swarm/init", InitAsync);
        router.Post("/swarm/join", InitAsync);
        router.Post("/swarm/leave", _ => throw WharfException.Unavailable("This node is not part of a swarm"));
        router.Post("/swarm/update", UpdateSwarmAsync);
        router.Post("/swarm/unlock", BodyFirstAsync);
        router.Get("/nodes", FiltersFirst);
        router.Get("/nodes/{id}", NotInSwarm);
        router.Delete("/nodes/{id}", NotInSwarm);
        router.Post("/nodes/{id}/update", context => VersionFirstAsync(context, "node"));
        router.Get("/services", ListServices);
        router.Post("/services/create", BodyFirstAsync);
        router.Get("/services/{id}", NotInSwarm);
        router.Delete("/services/{id}", NotInSwarm);
        router.Post("/services/{id}/update", context => VersionFirstAsync(context, "service"));
        router.Get("/services/{id}/logs", Logs);
        router.Get("/tasks", FiltersFirst);
        router.Get("/tasks/{id}", NotInSwarm);
        router.Get("/tasks/{id}/logs", Logs);
        foreach (var (plural, noun) in (ReadOnlySpan<(string, string)>)[("secrets", "secret"), ("configs", "config")])
        {
            router.Get($"/{plural}", FiltersFirst);
            router.Post($"/{plural}/create", BodyFirstAsync);
            router.Get($"/{plural}/{{id}}", NotInSwarm);
            router.Delete($"/{plural}/{{id}}", NotInSwarm);
            router.Post($"/{plural}/{{id}}/update", context => ShortVersionFirstAsync(context, noun));
        }
    }

    private static Task NotInSwarm(ApiContext context) => throw WharfException.Unavailable(NoManager);

    private static Task FiltersFirst(ApiContext context)
    {
        context.Filters();
        return NotInSwarm(context);
    }

    private static Task ListServices(ApiContext context)
    {
        CheckBool(context, "status", text => $"invalid value for status: {text}: strconv.ParseBool: parsing \"{text}\": invalid syntax");
        return FiltersFirst(context);
    }

    private static async Task BodyFirstAsync(ApiContext context)
    {
        await context.ReadJsonAsync(ClusterJson.Default.ClusterBody);
        await NotInSwarm(context);
    }

    private static async Task VersionFirstAsync(ApiContext context, string noun)
    {
        await context.ReadJsonAsync(ClusterJson.Default.ClusterBody);
        var text = context.Query("version") ?? "";
        if (!IsVersion(text)) throw WharfException.Invalid($"invalid {noun} version '{text}': strconv.ParseUint: parsing \"{text}\": invalid syntax");
        await NotInSwarm(context);
    }

    private static async Task ShortVersionFirstAsync(ApiContext context, string noun)
    {
        await context.ReadJsonAsync(ClusterJson.Default.ClusterBody);
        if (!IsVersion(context.Query("version") ?? "")) throw WharfException.Invalid($"invalid {noun} version");
        await NotInSwarm(context);
    }

    private static async Task UpdateSwarmAsync(ApiContext context)
    {
        await context.ReadJsonAsync(ClusterJson.Default.ClusterBody);
        var version = context.Query("version") ?? "";
        if (!IsVersion(version)) throw WharfException.Invalid($"invalid swarm version '{version}': strconv.ParseUint: parsing \"{version}\": invalid syntax");
        foreach (var name in (ReadOnlySpan<string>)["rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"])
            CheckBool(context, name, text => $"invalid value for {name}: {text}");
        await NotInSwarm(context);
    }

    private static async Task InitAsync(ApiContext context)
    {
        var request = await context.ReadJsonAsync(ClusterJson.Default.ClusterBody);
        if (string.IsNullOrEmpty(request.ListenAddr)) throw WharfException.Invalid("invalid ListenAddr \"\": invalid empty address");
        throw WharfException.NotImplemented("swarm mode is not part of Wharf");
    }

    private static Task Logs(ApiContext context)
    {
        if (!context.QueryBool("stdout") && !context.QueryBool("stderr")) throw WharfException.Invalid("Bad parameters: you must choose at least one stream");
        return NotInSwarm(context);
    }

    private static bool IsVersion(string text) => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static void CheckBool(ApiContext context, string name, Func<string, string> complaint)
    {
        if (context.Query(name) is { Length: > 0 } text && Specs.GoSyntax.Bool(text) is null)
            throw WharfException.Invalid(complaint(text));
    }
}
