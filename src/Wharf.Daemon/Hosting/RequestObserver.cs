using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Telemetry;
using Wharf.Engine;

namespace Wharf.Daemon.Hosting;

/// <summary>Marks a connection that came in at the metrics address: it gets the metrics page and nothing of the API.</summary>
public sealed class MetricsConnection;

/// <summary>Stands around the request handler: counts, traces, and serves the metrics page.</summary>
public sealed class RequestObserver : IAsyncDisposable
{
    private readonly EngineHost _engine;
    private readonly RequestMetrics _metrics = new();
    private readonly TraceExporter? _traces;

    public RequestObserver(EngineHost engine, ILoggerFactory logs)
    {
        _engine = engine;
        if (engine.Options.Transport.OtlpEndpoint is { } endpoint) _traces = new TraceExporter(endpoint, logs.CreateLogger<TraceExporter>());
    }

    public async Task RunAsync(HttpContext http, Func<HttpContext, Task> next)
    {
        if (http.Features.Get<MetricsConnection>() is not null)
        {
            await ServeMetricsAsync(http);
            return;
        }
        var (start, watch) = (DateTimeOffset.UtcNow, Stopwatch.GetTimestamp());
        await next(http);
        var duration = Stopwatch.GetElapsedTime(watch);
        _metrics.Count(http.Request.Method, http.Response.StatusCode, duration);
        _traces?.Add(http.Request.Headers.TraceParent, http.Request.Method, http.Request.Path.Value ?? "", http.Response.StatusCode, start, duration);
    }

    private async Task ServeMetricsAsync(HttpContext http)
    {
        if (http.Request.Path != "/metrics" || !HttpMethods.IsGet(http.Request.Method))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(await _metrics.WriteAsync(_engine, http.RequestAborted), http.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        if (_traces is not null) await _traces.DisposeAsync();
    }
}
