using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Authorization;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>What happens to every request: version, route, handler, error.</summary>
public sealed class RequestHandler(EngineHost engine, ApiRouter router, IdleMemory memory, ILogger<RequestHandler> log)
{
    public async Task HandleAsync(HttpContext http, AuthorizationGate authorization)
    {
        var gate = http.Features.Get<HijackGate>();
        if (gate is not null) gate.InRequest = true;
        memory.Touch();
        try
        {
            ServerHeaders.Set(http.Response);
            await authorization.RunAsync(http, DispatchAsync);
        }
        catch (Exception error) when (error is ClientGoneException || (http.RequestAborted.IsCancellationRequested && error is OperationCanceledException or IOException))
        {
            log.ClientGone(http.Request.Method, http.Request.Path);
        }
        catch (Exception error)
        {
            int status = DockerErrors.StatusOf(error);
            // The runtime says in words why it cannot start something: that is an answer, not a fault of the daemon.
            if (status >= 500 && error is not (WharfException or Engine.Shims.ShimException)) log.RequestFailed(http.Request.Method, http.Request.Path, status, error);
            else log.RequestRefused(http.Request.Method, http.Request.Path, status, error.Message);
            await DockerErrors.WriteAsync(http, error);
        }
        finally
        {
            if (gate is not null) gate.InRequest = false;
            memory.Touch();
        }
    }

    private async Task DispatchAsync(HttpContext http)
    {
        // The path as sent: routing must see %2F as part of a name, not as a separator.
        var target = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        int query = target.IndexOf('?');
        ReadOnlySpan<char> path = query < 0 ? target : target.AsSpan(0, query);
        if (RequestPath.TryClean(path, out var clean))
        {
            http.Response.StatusCode = StatusCodes.Status301MovedPermanently;
            http.Response.Headers.Location = query < 0 ? clean : clean + target[query..];
            http.Response.ContentLength = 0;
            return;
        }
        if (HttpMethods.IsOptions(http.Request.Method))
        {
            http.Response.ContentLength = 0;
            return;
        }
        var whole = path;
        bool named = ApiVersion.TryTakePrefix(ref path, out var version);
        var asked = named ? whole[2..(whole.Length - path.Length)].ToString() : "";
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        if (router.Match(http.Request.Method, path, parameters, out _) is not { } handler)
        {
            await DockerErrors.WriteAsync(http, WharfException.NotFound("page not found"), ServerHeaders.SetNone);
            return;
        }
        if (named && version < ApiVersion.Oldest)
        {
            await RefuseOldAsync(http, asked);
            return;
        }
        if (named && version > ApiVersion.Newest)
        {
            await DockerErrors.WriteAsync(http, WharfException.Invalid($"client version {asked} is too new. Maximum supported API version is {ApiVersion.Newest}"), ServerHeaders.SetVersions);
            return;
        }
        await handler(new ApiContext(http, engine, version, parameters));
    }

    /// <summary>Clients older than 1.24 know errors as plain text only.</summary>
    private static async Task RefuseOldAsync(HttpContext http, string version)
    {
        http.Response.Headers.Remove("Docker-Experimental");
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.StatusCode = StatusCodes.Status400BadRequest;
        http.Response.ContentType = "text/plain; charset=utf-8";
        var text = System.Text.Encoding.ASCII.GetBytes($"client version {version} is too old. Minimum supported API version is {ApiVersion.Oldest}, please upgrade your client to a newer version\n");
        http.Response.ContentLength = text.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(text, http.RequestAborted);
    }
}
