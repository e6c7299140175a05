using System.Diagnostics;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Api;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Scanning;
using Wharf.Daemon.Registry.Storage;
using Wharf.Daemon.Registry.Upkeep;
using Wharf.Daemon.Registry.Web;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>What happens to every request: who, what, whether they may, the handler, errors, metrics.</summary>
public sealed class RegistryServer : IDisposable
{
    private readonly RegistryConfig _config;
    private readonly RegistryStore _store;
    private readonly RegistryRules _rules;
    private readonly Authenticator _authenticator;
    private readonly ILogger _log;
    private readonly BlobsApi _blobs;
    private readonly UploadsApi _uploads;
    private readonly ManifestsApi _manifests;
    private readonly ListsApi _lists;
    private readonly TokenApi _tokens;
    private readonly AdminApi _admin;
    private readonly LoginApi _login;
    private readonly Scanner _scanner;
    private readonly WebPages _pages;
    private readonly PartitionedRateLimiter<string>? _limiter;
    private readonly Tracer? _tracer;

    internal RegistryServer(RegistryConfig config, RegistryStore store, RegistryRules rules, Authenticator authenticator, UpkeepService upkeep, EventReporter reporter, Tracer? tracer, ILogger log)
    {
        _tracer = tracer;
        (_config, _store, _rules, _authenticator, _log) = (config, store, rules, authenticator, log);
        _blobs = new BlobsApi(store, rules);
        _uploads = new UploadsApi(store, rules);
        _manifests = new ManifestsApi(store, rules);
        _lists = new ListsApi(store, rules);
        _tokens = new TokenApi(authenticator);
        _scanner = new Scanner(store, config.Vulnerabilities?.Feeds ?? []);
        _admin = new AdminApi(store, rules, authenticator, upkeep, reporter, _scanner);
        _login = new LoginApi(authenticator.Login);
        _pages = new WebPages();
        if (config.Limits.RequestsPerSecond > 0)
            _limiter = PartitionedRateLimiter.Create<string, string>(address => RateLimitPartition.GetTokenBucketLimiter(address, _ => new TokenBucketRateLimiterOptions
            {
                TokensPerPeriod = config.Limits.RequestsPerSecond, TokenLimit = Math.Max(config.Limits.Burst, config.Limits.RequestsPerSecond), ReplenishmentPeriod = TimeSpan.FromSeconds(1), AutoReplenishment = true, QueueLimit = 0,
            }));
    }

    public async Task HandleAsync(HttpContext http)
    {
        long began = Stopwatch.GetTimestamp();
        var start = _tracer is null ? default : DateTimeOffset.UtcNow;
        string? repository = null;
        var label = "other";
        try
        {
            http.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            http.Response.Headers.XContentTypeOptions = "nosniff";
            CheckRate(http);
            // The path as sent: dots and escapes must not be resolved before they are checked.
            var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
            int query = target.IndexOf('?');
            var path = query < 0 ? target : target[..query];
            if (RegistryRoute.Parse(path, isPush: HttpMethods.IsPut(http.Request.Method)) is { } route)
            {
                (label, repository) = (route.Kind.ToString(), route.Name);
                await DistributionAsync(http, route);
            }
            else
            {
                label = "page";
                await PageAsync(http, path);
            }
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Response.StatusCode = 499; // the client is gone; what it sent is kept for it to go on from
        }
        catch (Exception error)
        {
            await RefuseAsync(http, error);
        }
        var took = Stopwatch.GetElapsedTime(began);
        _rules.Metrics.Request(MethodLabel(http.Request.Method), label, http.Response.StatusCode, took);
        _tracer?.Record(http, label, repository, http.Items[typeof(Identity)] as string, start, took);
        _log.Answered(http.Request.Method, http.Request.Path, http.Response.StatusCode, took.TotalMilliseconds);
    }

    private static string MethodLabel(string method) => method is "GET" or "HEAD" or "PUT" or "POST" or "PATCH" or "DELETE" ? method : "OTHER";

    private async Task RefuseAsync(HttpContext http, Exception error)
    {
        var mapped = RegistryErrors.Map(error);
        if (mapped.Code.Status >= 500 && error is not RegistryException) _log.Failed(http.Request.Method, http.Request.Path, mapped.Code.Status, error);
        // The page has a login form of its own: a scheme no browser knows keeps the browser's dialog away.
        if (mapped.Headers.ContainsKey("WWW-Authenticate") && http.Request.Headers.ContainsKey("X-Wharf-Page")) mapped.Headers["WWW-Authenticate"] = "Form";
        try { await RegistryErrors.WriteAsync(http, mapped); }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested) { /* nobody is left to tell */ }
    }

    private void CheckRate(HttpContext http)
    {
        if (_limiter is null) return;
        using var lease = _limiter.AttemptAcquire(http.Connection.RemoteIpAddress?.ToString() ?? "");
        if (!lease.IsAcquired) throw new RegistryException(RegistryErrorCode.TooManyRequests).With("Retry-After", "1");
    }

    private async Task DistributionAsync(HttpContext http, RegistryRoute route)
    {
        var method = http.Request.Method;
        var handler = Handler(method, route.Kind) ?? throw new RegistryException(RegistryErrorCode.Unsupported).With("Allow", Allowed(route.Kind));
        if (_rules.Mirror is { } mirror && method is "GET" or "HEAD" && http.Request.Query["ns"] is [{ Length: > 0 } host] && mirror.NameFor(host, route.Name) is { } name)
        {
            // distribution-spec, "Registry Proxying": the client says which registry it means, and is told that it was heard.
            route = route with { Name = name };
            http.Response.Headers["OCI-Namespace"] = host;
        }
        var identity = await _authenticator.AuthenticateAsync(http, route);
        if (_tracer is not null) http.Items[typeof(Identity)] = identity.Name;
        Authorize(http, route, identity);
        try { await handler(new RegistryRequest(http, route, identity)); }
        catch (RegistryException refusal) when (refusal.Code == RegistryErrorCode.Denied && _authenticator.IsRequired && identity.IsAnonymous && http.Request.Headers.Authorization.Count == 0)
        {
            // Not signed: a login may change that, and clients that sign ask without one first.
            throw _authenticator.Challenge(http, route, refusal.Message);
        }
    }

    private void Authorize(HttpContext http, RegistryRoute route, Identity identity)
    {
        if (route.Kind == RouteKind.Base)
        {
            // Clients learn here how to log in, and docker asks nowhere else: so even where anybody may read, nobody gets 200 unasked.
            if (_authenticator.IsRequired && identity.IsAnonymous && http.Request.Headers.Authorization.Count == 0) throw _authenticator.Challenge(http, null, "authentication required");
            return;
        }
        if (route.Kind == RouteKind.Catalog)
        {
            if (identity.Catalog is null) throw _authenticator.Challenge(http, route, "authentication required", http.Request.Headers.Authorization.Count > 0 ? "insufficient_scope" : null);
            return;
        }
        var action = http.Request.Method switch { "GET" or "HEAD" => RegistryAction.Read, "DELETE" when route.Kind != RouteKind.Upload => RegistryAction.Delete, _ => RegistryAction.Write };
        if (route.Kind is RouteKind.Upload) action = RegistryAction.Write;
        if (identity.May(action, route.Name)) return;
        if (identity.IsAnonymous) throw _authenticator.Challenge(http, route, "authentication required", http.Request.Headers.Authorization.Count > 0 ? "insufficient_scope" : null);
        throw new RegistryException(RegistryErrorCode.Denied);
    }

    private Func<RegistryRequest, Task>? Handler(string method, RouteKind kind) => (kind, method) switch
    {
        (RouteKind.Base, "GET" or "HEAD") => request => request.BytesAsync("{}"u8.ToArray(), "application/json"),
        (RouteKind.Catalog, "GET") => _lists.CatalogAsync,
        (RouteKind.Tags, "GET" or "HEAD") => _lists.TagsAsync,
        (RouteKind.Referrers, "GET" or "HEAD") => _lists.ReferrersAsync,
        (RouteKind.Manifest, "GET" or "HEAD") => _manifests.GetAsync,
        (RouteKind.Manifest, "PUT") => _manifests.PutAsync,
        (RouteKind.Manifest, "DELETE") => _manifests.DeleteAsync,
        (RouteKind.Blob, "GET" or "HEAD") => _blobs.GetAsync,
        (RouteKind.Blob, "DELETE") => _blobs.DeleteAsync,
        (RouteKind.Uploads, "POST") => _uploads.BeginAsync,
        (RouteKind.Upload, "GET" or "HEAD") => _uploads.StatusAsync,
        (RouteKind.Upload, "PATCH") => _uploads.PatchAsync,
        (RouteKind.Upload, "PUT") => _uploads.PutAsync,
        (RouteKind.Upload, "DELETE") => _uploads.CancelAsync,
        _ => null,
    };

    private static string Allowed(RouteKind kind) => kind switch
    {
        RouteKind.Manifest => "GET, HEAD, PUT, DELETE", RouteKind.Blob => "GET, HEAD, DELETE", RouteKind.Uploads => "POST", RouteKind.Upload => "GET, HEAD, PATCH, PUT, DELETE", _ => "GET, HEAD",
    };

    private async Task PageAsync(HttpContext http, string path)
    {
        bool reads = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        switch (path)
        {
            case "/healthz" or "/health" or "/livez" when reads:
                await TextAsync(http, "ok\n", "text/plain");
                return;
            case "/readyz" when reads:
                await _store.Objects.StatAsync(Keys.CatalogEntry("readyz"), http.RequestAborted);
                await TextAsync(http, "ok\n", "text/plain");
                return;
            case "/metrics" when reads && _config.Metrics:
                await TextAsync(http, _rules.Metrics.Text(), "text/plain; version=0.0.4; charset=utf-8");
                return;
            case "/v1/search" when reads:
                // docker search HOST/TERM asks here.
                await _admin.SearchAsync(http);
                return;
            case "/v1/_ping" when reads:
                await TextAsync(http, "{}", "application/json");
                return;
            case "/token":
                await _tokens.HandleAsync(http);
                return;
        }
        if (path.StartsWith("/api/", StringComparison.Ordinal))
        {
            await _admin.HandleAsync(http, path);
            return;
        }
        if (_config.Web && path.StartsWith("/login/", StringComparison.Ordinal))
        {
            await _login.HandleAsync(http, path);
            return;
        }
        if (reads && _config.Web && await _pages.TryServeAsync(http, path)) return;
        throw new RegistryException(RegistryErrorCode.NotFound);
    }

    private static async Task TextAsync(HttpContext http, string text, string type)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
    }

    public void Dispose()
    {
        _limiter?.Dispose();
        _authenticator.Dispose();
        _scanner.Dispose();
    }
}
