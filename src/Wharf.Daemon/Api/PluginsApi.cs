using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>Plugins that docker would run as containers. Wharf has none: lists are empty, names are not found, and getting one is not possible.</summary>
public static class PluginsApi
{
    private const string None = "managed plugins are not part of Wharf";

    public static void Map(ApiRouter router)
    {
        router.Get("/plugins", ListAsync);
        router.Get("/plugins/privileges", _ => throw WharfException.NotImplemented(None));
        router.Post("/plugins/pull", _ => throw WharfException.NotImplemented(None));
        router.Post("/plugins/create", _ => throw WharfException.NotImplemented(None));
        router.Get("/plugins/{name*}/json", NotFound);
        router.Delete("/plugins/{name*}", NotFound);
        router.Post("/plugins/{name*}/enable", Enable);
        foreach (var verb in (ReadOnlySpan<string>)["disable", "upgrade", "push", "set"]) router.Post($"/plugins/{{name*}}/{verb}", NotFound);
    }

    private static Task NotFound(ApiContext context) => throw WharfException.NotFound($"plugin \"{context.Route("name")}\" not found");

    private static Task Enable(ApiContext context)
    {
        var text = context.Query("timeout") ?? "";
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)) throw WharfException.Invalid($"strconv.Atoi: parsing \"{text}\": invalid syntax");
        return NotFound(context);
    }

    private static async Task ListAsync(ApiContext context)
    {
        context.Filters().Accept("enabled", "capability");
        context.Http.Response.ContentType = "application/json";
        context.Http.Response.ContentLength = 3;
        await context.Http.Response.Body.WriteAsync("[]\n"u8.ToArray(), context.Cancellation);
    }
}
