using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>What happens to every request: version, route, handler, error.</summary>
public sealed class RequestHandler(EngineHost engine, ApiRouter router, ILogger<RequestHandler> log)
{
    public async Task HandleAsync(HttpContext http)
    {
        var gate = http.Features.Get<HijackGate>();
        if (gate is not null) gate.InRequest = true;
        try
        {
            http.Response.Headers.Server = $"Wharf/{DaemonVersion.Product} (linux)";
            http.Response.Headers["Api-Version"] = ApiVersion.Newest.ToString();
            http.Response.Headers["Docker-Experimental"] = "false";
            http.Response.Headers["Ostype"] = "linux";
            await DispatchAsync(http);
        }
        catch (Exception error) when (http.RequestAborted.IsCancellationRequested && error is OperationCanceledException or IOException)
        {
            log.ClientGone(http.Request.Method, http.Request.Path);
        }
        catch (Exception error)
        {
            int status = DockerErrors.StatusOf(error);
            if (status >= 500 && error is not WharfException) log.RequestFailed(http.Request.Method, http.Request.Path, status, error);
            else log.RequestRefused(http.Request.Method, http.Request.Path, status, error.Message);
            await DockerErrors.WriteAsync(http, error);
        }
        finally
        {
            if (gate is not null) gate.InRequest = false;
        }
    }

    private async Task DispatchAsync(HttpContext http)
    {
        // The path as sent: routing must see %2F as part of a name, not as a separator.
        var target = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        int query = target.IndexOf('?');
        ReadOnlySpan<char> path = query < 0 ? target : target.AsSpan(0, query);
        if (ApiVersion.TryTakePrefix(ref path, out var version))
        {
            if (version < ApiVersion.Oldest)
                throw WharfException.Invalid($"client version {version} is too old. Minimum supported API version is {ApiVersion.Oldest}, please upgrade your client to a newer version");
            if (version > ApiVersion.Newest)
                throw WharfException.Invalid($"client version {version} is too new. Maximum supported API version is {ApiVersion.Newest}");
        }
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        var handler = router.Match(http.Request.Method, path, parameters, out _) ?? throw WharfException.NotFound("page not found");
        await handler(new ApiContext(http, engine, version, parameters));
    }
}
