using Microsoft.AspNetCore.Http;

namespace Wharf.Daemon.Registry.Web;

/// <summary>The page for people: three files inside the executable. All it shows it asks of the API, with the rights of who is looking.</summary>
internal sealed class WebPages
{
    private static readonly Dictionary<string, (string Resource, string Type)> Files = new(StringComparer.Ordinal)
    {
        ["/"] = ("registry.index.html", "text/html; charset=utf-8"),
        ["/ui/app.js"] = ("registry.app.js", "text/javascript; charset=utf-8"),
        ["/ui/style.css"] = ("registry.style.css", "text/css; charset=utf-8"),
    };

    public async Task<bool> TryServeAsync(HttpContext http, string path)
    {
        if (!Files.TryGetValue(path, out var file)) return false;
        await using var stream = typeof(WebPages).Assembly.GetManifestResourceStream(file.Resource) ?? throw new InvalidOperationException($"the executable lacks {file.Resource}");
        http.Response.ContentType = file.Type;
        http.Response.ContentLength = stream.Length;
        // Nothing from elsewhere, nothing inline, no frames: names and labels of images are others' text.
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Headers.CacheControl = "no-cache";
        if (!HttpMethods.IsHead(http.Request.Method)) await stream.CopyToAsync(http.Response.Body, http.RequestAborted);
        return true;
    }
}
