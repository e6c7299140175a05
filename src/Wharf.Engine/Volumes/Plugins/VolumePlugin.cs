using System.Text.Json;
using Wharf.Engine.Plugins;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes.Plugins;

/// <summary>A volume driver in another process.</summary>
internal sealed class VolumePlugin : IDisposable
{
    private readonly PluginClient _client;

    private VolumePlugin(string name, PluginAddress address) => _client = new PluginClient(name, address);

    public string Name => _client.Name;
    public string Scope { get; private set; } = "local";

    /// <summary>Connects to the plugin and asks what it can do; null where there is none of that name, or it is no volume driver.</summary>
    public static async Task<VolumePlugin?> ActivateAsync(string name, CancellationToken cancellation)
    {
        if (PluginAddress.Find(name) is not { } address) return null;
        var plugin = new VolumePlugin(name, address);
        try
        {
            var answer = await plugin.CallAsync("Plugin.Activate", new PluginRequest(), cancellation);
            if (answer.Implements?.Contains("VolumeDriver") != true)
            {
                plugin.Dispose();
                return null;
            }
            // Older drivers know no capabilities: they are local ones.
            try { plugin.Scope = (await plugin.CallAsync("VolumeDriver.Capabilities", new PluginRequest(), cancellation)).Capabilities?.Scope == "global" ? "global" : "local"; }
            catch (WharfException) { plugin.Scope = "local"; }
            return plugin;
        }
        catch
        {
            plugin.Dispose();
            throw;
        }
    }

    public Task CreateAsync(string volume, Dictionary<string, string>? options, CancellationToken cancellation) => CallAsync("VolumeDriver.Create", new PluginRequest { Name = volume, Opts = options ?? [] }, cancellation);
    public Task RemoveAsync(string volume, CancellationToken cancellation) => CallAsync("VolumeDriver.Remove", new PluginRequest { Name = volume }, cancellation);

    /// <summary>Null where the driver does not know the volume (any more).</summary>
    public async Task<PluginVolume?> GetAsync(string volume, CancellationToken cancellation) => (await CallAsync("VolumeDriver.Get", new PluginRequest { Name = volume }, cancellation)).Volume;

    /// <summary>All volumes the driver has, whoever made them.</summary>
    public async Task<IReadOnlyList<PluginVolume>> ListAsync(CancellationToken cancellation) => (await CallAsync("VolumeDriver.List", new PluginRequest(), cancellation)).Volumes ?? [];

    /// <summary>Makes the volume's files appear on the host, and tells where.</summary>
    public async Task<string> MountAsync(string volume, string user, CancellationToken cancellation)
    {
        var answer = await CallAsync("VolumeDriver.Mount", new PluginRequest { Name = volume, Id = user }, cancellation);
        return answer.Mountpoint is { Length: > 0 } path && path.StartsWith('/') ? path : throw new WharfException(ErrorKind.Internal, $"VolumeDriver.Mount: the plugin {Name} gave no mountpoint for {volume}");
    }

    public Task UnmountAsync(string volume, string user, CancellationToken cancellation) => CallAsync("VolumeDriver.Unmount", new PluginRequest { Name = volume, Id = user }, cancellation);

    private async Task<PluginResponse> CallAsync(string method, PluginRequest request, CancellationToken cancellation)
    {
        var (status, body) = await _client.CallAsync(method, JsonSerializer.SerializeToUtf8Bytes(request, PluginJson.Default.PluginRequest), cancellation);
        PluginResponse answer;
        try { answer = body.Length == 0 ? new PluginResponse() : JsonSerializer.Deserialize(body, PluginJson.Default.PluginResponse) ?? new PluginResponse(); }
        catch (JsonException error) { throw _client.Failed(method, error); }
        if (answer.Err is { Length: > 0 } told) throw new WharfException(ErrorKind.Internal, $"{method}: {told}");
        return status is >= 200 and < 300 ? answer : throw new WharfException(ErrorKind.Internal, $"{method}: the plugin {Name} answered {status}");
    }

    public void Dispose() => _client.Dispose();
}

/// <summary>Plugins that have been asked for, by name. One that has gone is looked for anew at its next use.</summary>
internal sealed class VolumePlugins : IDisposable
{
    private readonly Dictionary<string, VolumePlugin> _active = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _one = new(1, 1);

    public async Task<VolumePlugin?> FindAsync(string name, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            if (_active.TryGetValue(name, out var known)) return known;
            if (await VolumePlugin.ActivateAsync(name, cancellation) is not { } plugin) return null;
            return _active[name] = plugin;
        }
        finally { _one.Release(); }
    }

    /// <summary>Names of the drivers in use.</summary>
    public IReadOnlyList<string> Names { get { lock (_active) return [.. _active.Keys]; } }

    public void Dispose()
    {
        foreach (var plugin in _active.Values) plugin.Dispose();
        _one.Dispose();
    }
}
