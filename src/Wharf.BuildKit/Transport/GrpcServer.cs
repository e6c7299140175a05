using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Wharf.BuildKit.Transport;

/// <summary>
/// The gRPC side of the daemon and of a client that builds: a server of its own that listens on nothing, as gRPC speaks HTTP/2 and the API's sockets HTTP/1.1. Made when
/// the first client asks for it, so that who builds nothing does not pay for it.
/// </summary>
internal sealed class GrpcServer(ILoggerFactory logs, Action<IServiceCollection> services, Action<WebApplication> map) : IAsyncDisposable
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly UpgradedListener _listener = new();
    private WebApplication? _app;

    /// <summary>Serves a connection until it ends.</summary>
    public async Task ServeAsync(UpgradedConnection connection, CancellationToken cancellation)
    {
        await EnsureStartedAsync(cancellation);
        await _listener.ServeAsync(connection);
    }

    /// <summary>Makes the server, unless it is there.</summary>
    public async Task EnsureStartedAsync(CancellationToken cancellation)
    {
        if (Volatile.Read(ref _app) is not null) return;
        await _starting.WaitAsync(cancellation);
        try
        {
            if (_app is not null) return;
            var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.Services.AddSingleton(logs);
            builder.Services.AddRoutingCore();
            builder.Services.AddSingleton<IConnectionListenerFactory>(_listener);
            builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure);
            services(builder.Services);
            var app = builder.Build();
            app.UseRouting();
            map(app);
            await app.StartAsync(CancellationToken.None);
            Volatile.Write(ref _app, app);
        }
        finally { _starting.Release(); }
    }

    private static void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null; // streams have no end of their own
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 256; // CVE-2023-44487: bounded
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1 << 20;
        kestrel.Listen(GrpcEndPoint.Instance, listen => listen.Protocols = HttpProtocols.Http2);
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is { } app)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await app.StopAsync(patience.Token);
            await app.DisposeAsync();
        }
        _starting.Dispose();
    }
}
