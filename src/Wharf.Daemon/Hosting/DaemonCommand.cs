using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Api;
using Wharf.Daemon.Authorization;
using Wharf.Daemon.Http;
using Wharf.Daemon.Registry.Hosting;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary><c>wharf daemon</c>: starts the engine, serves the API, and stops cleanly on SIGTERM and SIGINT.</summary>
public static class DaemonCommand
{
    private const uint Umask = 0b000_010_010, SocketUmask = 0b001_001_111;

    public static async Task<int> RunAsync(string[] args)
    {
        if (args.Contains("--help"))
        {
            Console.Out.WriteLine(DaemonCommandLine.Usage);
            return 0;
        }
        try
        {
            var options = DaemonCommandLine.Parse(args);
            if (args.Contains("--version") || args.Contains("-v")) Console.Out.WriteLine($"Wharf version {DaemonVersion.Product}, build {DaemonVersion.Commit}");
            else if (args.Contains("--validate")) await Console.Error.WriteLineAsync("configuration OK");
            else if (options.RootlessState is null) await ServeAsync(options, args);
            else
            {
                RootlessNamespaces.Enter(options, args);
                if (!(await ServeAsync(options, args)).LeavesContainers) RootlessNamespaces.Leave(options);
            }
            return 0;
        }
        catch (WharfException error)
        {
            await Console.Error.WriteLineAsync($"wharf daemon: {error.Message}");
            return 1;
        }
    }

    private static LogLevel LevelOf(string name) => name switch { "debug" => LogLevel.Debug, "warn" => LogLevel.Warning, "error" => LogLevel.Error, "fatal" => LogLevel.Critical, _ => LogLevel.Information };

    /// <summary>Serves until a signal asks to stop; gives the engine as it ended.</summary>
    private static async Task<EngineHost> ServeAsync(DaemonOptions options, string[] args)
    {
        Linux.Memory.ResidentMemory.LimitNativeHeaps();
        Linux.Fds.FileMode.SetUmask(Umask);
        PrivateDirectory(options.DataRoot);
        PrivateDirectory(options.ExecRoot);
        using var dataLock = DaemonLock.Take(options.DataRoot);
        using var execLock = DaemonLock.Take(options.ExecRoot);
        using var pidFile = PidFile.Write(options.PidFile);

        using var stop = new CancellationTokenSource();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        bool plain = options.Logging.Format == "text" || options.Logging.Format == "" && (!Console.IsErrorRedirected || Environment.GetEnvironmentVariable("JOURNAL_STREAM") is { Length: > 0 });
        builder.Services.AddSingleton<Microsoft.Extensions.Logging.Console.ConsoleFormatter>(new LogLine());
        (plain ? builder.Logging.AddConsole(console => console.FormatterName = "text") : builder.Logging.AddJsonConsole(console => console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffffffZ"))
            .SetMinimumLevel(LogLevel.Debug)
            .AddFilter(level => level >= (options.Debug ? LogLevel.Debug : LevelOf(options.Logging.Level))) // looked at each time: debug may be switched while the daemon runs
            .AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        var endpoints = new Endpoints(options);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            Configure(kestrel);
            endpoints.Listen(kestrel, kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>());
        });
        BlockPool.Use(builder.Services);
        await using var app = builder.Build();
        var logs = app.Services.GetRequiredService<ILoggerFactory>();
        var log = logs.CreateLogger("Wharf.Daemon");
        foreach (var text in options.Logging.WithoutEffect) log.WithoutEffect(text);

        await using var engine = await EngineHost.StartAsync(options, logs, stop.Token);
        await using var buildKit = new BuildKit.BuildKitApi(engine, logs);
        await using var memory = new IdleMemory(logs.CreateLogger<IdleMemory>());
        memory.Touch();
        var handler = new RequestHandler(engine, ApiTable.Build(buildKit), memory, logs.CreateLogger<RequestHandler>());
        using var authorization = new AuthorizationGate(options, log);
        endpoints.ServeBuildKit = async connection =>
        {
            memory.Touch();
            if (await authorization.AdmitsBuildKitAsync(connection)) await buildKit.ServeAsync(connection);
            memory.Touch();
        };
        await using var observer = new RequestObserver(engine, logs);
        app.Run(http => observer.RunAsync(http, inner => handler.HandleAsync(inner, authorization)));

        using var reload = new DaemonReload(args, engine, authorization, log);
        reload.Listen();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, stop, log));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, stop, log));
        // The sockets are never open to others, not even between bind and chmod (SECURITY invariant 10).
        Linux.Fds.FileMode.SetUmask(SocketUmask);
        await app.ServeAsync(stop.Token);
        Linux.Fds.FileMode.SetUmask(Umask);
        foreach (var socket in endpoints.Sockets) UnixSocketFile.SetAccess(socket, options.Group);
        foreach (var host in endpoints.Unprotected) log.Unprotected(host);
        ServiceNotice.Send("READY=1");
        await using var registry = options.RegistryAddress is { } address ? await DaemonRegistry.StartAsync(address, options.RegistryConfig, options.DataRoot, engine.Images, logs, stop.Token) : null;
        log.Ready(DaemonVersion.Product, string.Join(", ", options.Hosts), options.DataRoot);
        try
        {
            await Task.Delay(Timeout.Infinite, stop.Token);
        }
        catch (OperationCanceledException) { /* a signal asked us to stop */ }
        ServiceNotice.Send("STOPPING=1");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await app.StopAsync(patience.Token);
        foreach (var socket in endpoints.Sockets) File.Delete(socket);
        return engine;
    }

    private static void Stop(PosixSignalContext signal, CancellationTokenSource stop, ILogger log)
    {
        signal.Cancel = true;
        log.Stopping(signal.Signal.ToString());
        stop.Cancel();
    }

    private static void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowHostHeaderOverride = true; // a whole URL in the request line need not name the host of the header: behind a socket both are anything
        kestrel.Limits.MaxRequestBodySize = null; // build contexts and images; JSON bodies have their own limit
        kestrel.Limits.MinRequestBodyDataRate = null; // a paused upload of a local client is not an attack
        kestrel.Limits.MinResponseDataRate = null; // nor is a reader of logs that waits
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 << 10; // X-Registry-Auth can be long
        kestrel.Limits.MaxRequestLineSize = 64 << 10; // build arguments travel in the query
    }

    private static void PrivateDirectory(string path)
    {
        Directory.CreateDirectory(path);
        // 0711: containers' processes with other uids must reach their own files below, and list nothing.
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }
}
