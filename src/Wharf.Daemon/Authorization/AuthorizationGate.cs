using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Authorization;

/// <summary>
/// Asks the plugins before a request is executed and before its answer is sent. They see the very bytes the handler parses: a JSON
/// body is read whole first, whatever its size or framing (CVE-2024-41110, CVE-2026-34040: bodies a plugin did not get to see were
/// executed). Handlers read JSON only when the content type says so, which is also what decides here.
/// </summary>
public sealed class AuthorizationGate : IDisposable
{
    private readonly DaemonOptions _options;
    private readonly ILogger _log;
    private readonly long _maxBody;
    /// <summary>Never changed once it is here: a request asks those that were there when it came.</summary>
    private volatile List<AuthorizationPlugin> _plugins;

    public AuthorizationGate(DaemonOptions options, ILogger log)
    {
        _log = log;
        _options = options;
        _plugins = Load([]);
        _maxBody = options.Limits.MaxJsonBody;
    }

    private List<AuthorizationPlugin> Load(List<AuthorizationPlugin> known) =>
        [.. _options.AuthorizationPlugins.Select(name => known.Find(plugin => plugin.Name == name) ?? new AuthorizationPlugin(name))];

    /// <summary>The options have changed. Plugins that are no more asked are kept: a request may be with them still.</summary>
    public void Reload() => _plugins = Load(_plugins);

    public async Task RunAsync(HttpContext http, Func<HttpContext, Task> next)
    {
        var plugins = _plugins;
        if (plugins.Count == 0)
        {
            await next(http);
            return;
        }
        var request = await DescribeAsync(http);
        foreach (var plugin in plugins) await plugin.AskAsync("AuthZReq", request, http.RequestAborted);
        var original = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        await using var held = new HeldResponse(original.Stream);
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(held, original));
        try
        {
            await next(http);
        }
        finally
        {
            http.Features.Set(original);
        }
        if (held.IsReleased || http.Features.Get<HijackGate>()?.Hijacked == true || http.Response.HasStarted) return;
        request.ResponseBody = IsJson(http.Response.ContentType) ? held.Bytes : [];
        request.ResponseStatusCode = http.Response.StatusCode;
        request.ResponseHeaders = http.Response.Headers.ToDictionary(header => header.Key, header => header.Value.ToString());
        for (int i = plugins.Count - 1; i >= 0; i--) await plugins[i].AskAsync("AuthZRes", request, http.RequestAborted);
        await held.ReleaseAsync(http.RequestAborted);
    }

    /// <summary>
    /// Asks about a connection that speaks BuildKit's protocol from the first byte: plugins are told what they hear of one that comes by the API. Gives whether it may go on.
    /// </summary>
    public async Task<bool> AdmitsBuildKitAsync(ConnectionContext connection)
    {
        var client = connection.Features.Get<TlsConnection>()?.ClientName;
        var request = new AuthorizationRequest
        {
            User = client, UserAuthNMethod = client is null ? null : "TLS", RequestMethod = HttpMethods.Post, RequestUri = "/grpc",
            RequestHeaders = new Dictionary<string, string> { ["Connection"] = "Upgrade", ["Upgrade"] = "h2c" },
        };
        try
        {
            foreach (var plugin in _plugins) await plugin.AskAsync("AuthZReq", request, connection.ConnectionClosed);
            return true;
        }
        catch (WharfException refused)
        {
            _log.BuildKitRefused(refused.Message);
            return false;
        }
    }

    private async Task<AuthorizationRequest> DescribeAsync(HttpContext http)
    {
        var client = http.Features.Get<TlsConnection>()?.ClientName;
        return new AuthorizationRequest
        {
            User = client,
            UserAuthNMethod = client is null ? null : "TLS",
            RequestMethod = http.Request.Method,
            RequestUri = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            RequestHeaders = http.Request.Headers.Where(header => !header.Key.StartsWith("X-Registry-", StringComparison.OrdinalIgnoreCase)).ToDictionary(header => header.Key, header => header.Value.ToString()),
            RequestBody = IsJson(http.Request.ContentType) ? await TakeBodyAsync(http) : null,
        };
    }

    private async Task<byte[]> TakeBodyAsync(HttpContext http)
    {
        var bytes = await http.Request.Body.ReadWholeAsync(_maxBody, () => WharfException.Invalid($"request body is larger than {_maxBody} bytes"), http.RequestAborted);
        http.Request.Body = new MemoryStream(bytes, writable: false);
        return bytes;
    }

    private static bool IsJson(string? type) => type?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) == true;

    public void Dispose()
    {
        foreach (var plugin in _plugins) plugin.Dispose();
    }
}
