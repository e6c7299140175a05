using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Api;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Mirror;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Storage;
using Wharf.Daemon.Registry.Upkeep;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>The registry's parts, wired by hand in the order they depend on each other.</summary>
public sealed class RegistryHost : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _parts = [];

    public required RegistryConfig Config { get; init; }
    public required RegistryStore Store { get; init; }
    public required RegistryMetrics Metrics { get; init; }
    public required UpkeepService Upkeep { get; init; }
    public required EventReporter Reporter { get; init; }
    public required RegistryServer Server { get; init; }

    /// <summary>Opens the store under a root of this machine and everything that belongs to it.</summary>
    public static async Task<RegistryHost> StartAsync(RegistryConfig config, string root, ILoggerFactory logs, CancellationToken cancellation)
    {
        var log = logs.CreateLogger("Wharf.Registry");
        Directory.CreateDirectory(root);
        IObjectStore objects = config.Storage.Type switch
        {
            "s3" => S3.S3ObjectStore.Open(config.Storage),
            "azure" => await Azure.AzureObjectStore.OpenAsync(config.Storage, cancellation),
            _ => new FileObjectStore(root, config.Storage.Flush && config.Storage.Type != "memory"),
        };
        IMetadata metadata;
        if (objects is ISharedStore shared) metadata = new SharedMetadata(shared, root);
        else
        {
            long began = Stopwatch.GetTimestamp();
            (metadata, bool rebuilt) = await IndexedMetadata.OpenAsync(objects, root, cancellation);
            if (rebuilt) log.IndexRebuilt(Math.Round(Stopwatch.GetElapsedTime(began).TotalSeconds, 3));
        }
        return Start(config, root, objects, metadata, logs);
    }

    /// <summary>The same over a store and metadata that are there already.</summary>
    public static RegistryHost Start(RegistryConfig config, string root, IObjectStore objects, IMetadata metadata, ILoggerFactory logs)
    {
        var log = logs.CreateLogger("Wharf.Registry");
        var limits = new StoreLimits { MaxManifest = config.Limits.MaxManifest, MaxBlob = config.Limits.MaxBlob, ManifestCache = config.Limits.ManifestCache };
        var store = new RegistryStore(objects, metadata, new UploadStore(root, objects as ISharedStore), limits);
        var metrics = new RegistryMetrics();
        metrics.Gauge("wharf_registry_uploads", "Uploads under way.", () => store.Uploads.Count);
        metrics.Gauge("process_resident_memory_bytes", "Memory in use.", () => Environment.WorkingSet);
        var webhooks = config.Webhooks.Select((webhook, i) => new Webhook(webhook, Path.Combine(root, "webhooks", i.ToString(System.Globalization.CultureInfo.InvariantCulture)), metrics, log)).ToList();
        var reporter = new EventReporter(config.AuditLog is { } path ? new AuditLog(path) : null, webhooks);
        var quotas = new QuotaService(config.Quotas);
        var mirror = config.Mirrors.Count > 0 ? new MirrorService(config.Mirrors, store, metrics, log) : null;
        var upkeep = new UpkeepService(config, store, quotas, metrics, reporter, log);
        var rules = new RegistryRules(config, metrics, quotas, reporter, mirror, store);
        var robots = new Robots(objects);
        var authenticator = new Authenticator(config, robots, new ApiKeys(objects), root, metrics, log);
        var tracer = config.Traces is { } traces ? new Tracer(traces, log) : null;
        var server = new RegistryServer(config, store, rules, authenticator, upkeep, reporter, tracer, log);
        upkeep.Start();
        mirror?.Start();
        var host = new RegistryHost { Config = config, Store = store, Metrics = metrics, Upkeep = upkeep, Reporter = reporter, Server = server };
        host._parts.Add(upkeep);
        if (mirror is not null) host._parts.Add(mirror);
        if (tracer is not null) host._parts.Add(tracer);
        host._parts.Add(reporter);
        host._parts.Add(store);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in _parts) await part.DisposeAsync();
        Server.Dispose();
    }
}
