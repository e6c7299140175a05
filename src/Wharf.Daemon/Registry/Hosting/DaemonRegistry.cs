using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary><c>wharf daemon --registry ADDR</c>: a registry over the daemon's own images, on a server of its own within the process.</summary>
internal sealed class DaemonRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly RegistryHost _host;
    private readonly CertificateFile? _certificate;

    private DaemonRegistry(WebApplication app, RegistryHost host, CertificateFile? certificate) => (_app, _host, _certificate) = (app, host, certificate);

    /// <param name="address">Where to listen.</param>
    /// <param name="configFile">The registry's own configuration; null for none.</param>
    /// <param name="dataRoot">The daemon's; what is the registry's alone lies in <c>registry</c> under it, on the same file system as the images.</param>
    public static async Task<DaemonRegistry> StartAsync(string address, string? configFile, string dataRoot, ImageService images, ILoggerFactory logs, CancellationToken cancellation)
    {
        var config = configFile is null ? new RegistryConfig() : RegistryCommandLine.Read(configFile);
        if (config.Storage.Type != "filesystem") throw Specs.Errors.WharfException.Invalid("storage.type: the daemon's registry keeps its content with the daemon's");
        var root = Path.Combine(dataRoot, "registry");
        Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var log = logs.CreateLogger("Wharf.Registry");
        var objects = new FileObjectStore(root, config.Storage.Flush);
        var (inner, _) = await IndexedMetadata.OpenAsync(objects, root, cancellation);
        var host = RegistryHost.Start(config, root, objects, new EngineMetadata(inner, objects, images), logs);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var certificate = config.Tls is { } tls ? new CertificateFile(tls, log) : null;
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            RegistryListener.Limit(kestrel, config);
            RegistryListener.Listen(kestrel, address, config.Tls, certificate);
        });
        BlockPool.Use(builder.Services);
        var app = builder.Build();
        app.Run(host.Server.HandleAsync);
        var registry = new DaemonRegistry(app, host, certificate);
        try { await app.ServeAsync(cancellation); }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
        log.RegistryReady(string.Join(", ", app.Urls), root);
        return registry;
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        await _host.DisposeAsync();
        _certificate?.Dispose();
    }
}
