using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Observing;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary><c>wharf registry serve</c>: a registry of its own, until SIGTERM or SIGINT.</summary>
internal static class ServeCommand
{
    private const uint Umask = 0b000_111_111;

    public static async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        if (args.Contains("--help") || args.Contains("-h"))
        {
            Console.Out.WriteLine(RegistryCommandLine.Usage);
            return 0;
        }
        var (config, debug) = RegistryCommandLine.Parse(args);
        await ServeAsync(config, debug);
        return 0;
    }

    private static async Task ServeAsync(RegistryConfig config, bool debug)
    {
        // What users pushed is for the registry's own eyes.
        Linux.Fds.FileMode.SetUmask(Umask);
        bool isMemory = config.Storage.Type == "memory";
        var root = isMemory ? MemoryRoot.Make() : Path.GetFullPath(config.Root!);
        try
        {
            Directory.CreateDirectory(root);
            using var rootLock = DaemonLock.Take(root);
            await ServeAsync(config, root, debug);
        }
        finally
        {
            if (isMemory) Directory.Delete(root, recursive: true);
        }
    }

    private static async Task ServeAsync(RegistryConfig config, string root, bool debug)
    {
        using var stop = new CancellationTokenSource();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddJsonConsole(console => console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffffffZ")
            .SetMinimumLevel(debug ? LogLevel.Debug : LogLevel.Information)
            .AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        CertificateFile? certificate = null;
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            RegistryListener.Limit(kestrel, config);
            RegistryListener.Listen(kestrel, config.Addr!, config.Tls, certificate);
        });
        BlockPool.Use(builder.Services);
        using var logFactory = LoggerFactory.Create(logging => logging.AddJsonConsole(console => console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffffffZ").SetMinimumLevel(debug ? LogLevel.Debug : LogLevel.Information)
            .Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
        var log = logFactory.CreateLogger("Wharf.Registry");
        certificate = config.Tls is { } tls ? new CertificateFile(tls, log) : null;
        using var certificateOwner = certificate;
        await using var app = builder.Build();
        await using var host = await RegistryHost.StartAsync(config, root, logFactory, stop.Token);
        app.Run(host.Server.HandleAsync);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, stop, log));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, stop, log));
        await app.ServeAsync(stop.Token);
        log.RegistryReady(string.Join(", ", app.Urls), config.Storage.Type switch { "s3" => $"s3 bucket {config.Storage.Bucket}", "azure" => $"azure container {config.Storage.Bucket}", "memory" => "memory", _ => root });
        try { await Task.Delay(Timeout.Infinite, stop.Token); }
        catch (OperationCanceledException) { /* a signal asked us to stop */ }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await app.StopAsync(patience.Token);
    }

    private static void Stop(PosixSignalContext signal, CancellationTokenSource stop, ILogger log)
    {
        signal.Cancel = true;
        log.RegistryStopping(signal.Signal.ToString());
        stop.Cancel();
    }
}
