using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Authorization;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>SIGHUP: flags and configuration file are read anew, what may change while the daemon runs changes, and an event tells it. A file that is wrong changes nothing.</summary>
internal sealed class DaemonReload(IReadOnlyList<string> args, EngineHost engine, AuthorizationGate authorization, ILogger log) : IDisposable
{
    private readonly Lock _one = new();
    private PosixSignalRegistration? _signal;

    public void Listen() => _signal = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
    {
        signal.Cancel = true;
        Run();
    });

    private void Run()
    {
        lock (_one)
        {
            try
            {
                log.Reloading();
                engine.Options.Reload(DaemonCommandLine.Parse(args));
                authorization.Reload();
                engine.ImageCollector.Reconsider();
                engine.Events.Publish("daemon", "reload", engine.Identity, Attributes());
            }
            catch (WharfException error) { log.ReloadFailed(error.Message); }
        }
    }

    /// <summary>The attributes dockerd gives the event: all that can be reloaded, lists as JSON.</summary>
    private Dictionary<string, string> Attributes()
    {
        var options = engine.Options;
        return new Dictionary<string, string>
        {
            ["name"] = engine.Host.Hostname,
            ["authorization-plugins"] = Json(options.AuthorizationPlugins),
            ["debug"] = options.Debug ? "true" : "false",
            ["default-runtime"] = options.DefaultRuntime,
            ["default-shm-size"] = options.DefaultShmSize.ToString(CultureInfo.InvariantCulture),
            ["default-stop-timeout"] = options.DefaultStopTimeout.ToString(CultureInfo.InvariantCulture),
            ["insecure-registries"] = Json(options.InsecureRegistries),
            ["labels"] = Json(options.Labels),
            ["live-restore"] = "true",
            ["max-concurrent-downloads"] = options.MaxConcurrentDownloads.ToString(CultureInfo.InvariantCulture),
            ["max-concurrent-uploads"] = options.MaxConcurrentUploads.ToString(CultureInfo.InvariantCulture),
            ["max-download-attempts"] = options.MaxDownloadAttempts.ToString(CultureInfo.InvariantCulture),
            ["registry-mirrors"] = Json(options.RegistryMirrors),
            ["runtimes"] = string.Join(' ', options.Runtimes.Select(runtime => $"{runtime.Key}:{runtime.Value[0]}")),
            ["shutdown-timeout"] = options.ShutdownTimeout.ToString(CultureInfo.InvariantCulture),
        };
    }

    private static string Json(IReadOnlyList<string> values) => Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes([.. values], DockerApiJson.Default.ListString));

    public void Dispose() => _signal?.Dispose();
}
