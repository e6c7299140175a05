using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Wharf.BuildKit.Transport;

/// <summary>
/// The gRPC side of the daemon and of a client that builds: a server of its own that listens on nothing, as gRPC speaks HTTP/2 and the API's sockets HTTP/1.1. Started when
/// the first client asks for it, so that who builds nothing does not pay for it. It is Kestrel alone, without a host, injection and routing: a client makes one for each build.
/// </summary>
/// <param name="limit">The longest message that is taken, in bytes.</param>
internal sealed class GrpcServer(ILoggerFactory logs, GrpcServices services, int limit = int.MaxValue) : IAsyncDisposable
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly UpgradedListener _listener = new();
    private KestrelServer? _server;

    /// <summary>Serves a connection until it ends.</summary>
    public async Task ServeAsync(UpgradedConnection connection, CancellationToken cancellation)
    {
        await EnsureStartedAsync(cancellation);
        await _listener.ServeAsync(connection);
    }

    /// <summary>Starts the server, unless it runs.</summary>
    public async Task EnsureStartedAsync(CancellationToken cancellation)
    {
        if (Volatile.Read(ref _server) is not null) return;
        await _starting.WaitAsync(cancellation);
        try
        {
            if (_server is not null) return;
            var server = new KestrelServer(Options.Create(Settings()), _listener, logs);
            await server.StartAsync(new Application(services, limit, logs.CreateLogger<GrpcServer>()), CancellationToken.None);
            Volatile.Write(ref _server, server);
        }
        finally { _starting.Release(); }
    }

    private static KestrelServerOptions Settings()
    {
        var kestrel = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = new NoServices() };
        kestrel.Limits.MaxRequestBodySize = null; // streams have no end of their own
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 256; // CVE-2023-44487: bounded
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1 << 20;
        kestrel.Listen(GrpcEndPoint.Instance, static listen => listen.Protocols = HttpProtocols.Http2);
        return kestrel;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }

    /// <summary>What Kestrel hands requests to.</summary>
    private sealed class Application(GrpcServices services, int limit, ILogger log) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public async Task ProcessRequestAsync(HttpContext context)
        {
            if (context.Request.ContentType?.StartsWith(GrpcCall.ContentType, StringComparison.OrdinalIgnoreCase) != true)
            {
                context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
                return;
            }
            using var call = new GrpcCall(context, limit);
            await call.RunAsync(services.Find(context.Request.Path.Value ?? ""), log);
        }

        public void DisposeContext(HttpContext context, Exception? exception) { }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await server.StopAsync(patience.Token);
            server.Dispose();
        }
        _starting.Dispose();
    }
}
