using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes.Plugins;

/// <summary>A volume driver in another process.</summary>
internal sealed class VolumePlugin : IDisposable
{
    private const int MaxAnswer = 4 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120), ConnectPatience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;

    private VolumePlugin(string name, PluginAddress address)
    {
        Name = name;
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectPatience, AllowAutoRedirect = false, UseProxy = false };
        if (address.SocketPath is { } path)
        {
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }
        _http = new HttpClient(handler) { BaseAddress = address.Url ?? new Uri("http://plugin"), Timeout = Patience, MaxResponseContentBufferSize = MaxAnswer };
    }

    public string Name { get; }
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
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(request, PluginJson.Default.PluginRequest));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var message = new HttpRequestMessage(HttpMethod.Post, "/" + method) { Content = content };
        message.Headers.TryAddWithoutValidation("Accept", "application/vnd.docker.plugins.v1.2+json");
        try
        {
            using var response = await _http.SendAsync(message, cancellation);
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellation);
            var answer = bytes.Length == 0 ? new PluginResponse() : JsonSerializer.Deserialize(bytes, PluginJson.Default.PluginResponse) ?? new PluginResponse();
            if (answer.Err is { Length: > 0 } error) throw new WharfException(ErrorKind.Internal, $"{method}: {error}");
            if (!response.IsSuccessStatusCode) throw new WharfException(ErrorKind.Internal, $"{method}: the plugin {Name} answered {(int)response.StatusCode}");
            return answer;
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            throw new WharfException(ErrorKind.Internal, $"{method}: error in the plugin {Name}: {error.Message}", error);
        }
    }

    public void Dispose() => _http.Dispose();
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
