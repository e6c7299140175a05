using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Engine.Plugins;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks.Plugins;

/// <summary>Networks or addresses that another process provides. What it answers is checked before it is used.</summary>
internal sealed class NetworkPlugin : IIpamDriver, IDisposable
{
    public const string DriverKind = "NetworkDriver", IpamKind = "IpamDriver";
    private const string GatewayKey = "com.docker.network.gateway", MacKey = "com.docker.network.endpoint.macaddress";

    private readonly PluginClient _client;
    private readonly HashSet<string> _kinds = new(StringComparer.Ordinal);

    private NetworkPlugin(string name, PluginAddress address) => _client = new PluginClient(name, address);

    public string Name => _client.Name;
    public string Scope { get; private set; } = "local";
    public bool RequiresMac { get; private set; }
    /// <summary>The IPAM driver forgets what it gave when the daemon ends, and wants to be asked for the same again.</summary>
    public bool RequiresReplay { get; private set; }
    public bool Is(string kind) => _kinds.Contains(kind);

    /// <summary>Null where there is no plugin of that name.</summary>
    public static async Task<NetworkPlugin?> ActivateAsync(string name, CancellationToken cancellation)
    {
        if (PluginAddress.Find(name) is not { } address) return null;
        var plugin = new NetworkPlugin(name, address);
        try
        {
            plugin._kinds.UnionWith((await plugin.CallAsync("Plugin.Activate", null, cancellation)).Implements ?? []);
            if (plugin.Is(DriverKind)) plugin.Scope = (await plugin.CallAsync("NetworkDriver.GetCapabilities", null, cancellation)).Scope ?? "local";
            if (plugin.Is(IpamKind))
            {
                // Older drivers know no capabilities: they ask for nothing.
                try
                {
                    var able = await plugin.CallAsync("IpamDriver.GetCapabilities", null, cancellation);
                    (plugin.RequiresMac, plugin.RequiresReplay) = (able.RequiresMacAddress, able.RequiresRequestReplay);
                }
                catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { (plugin.RequiresMac, plugin.RequiresReplay) = (false, false); }
            }
            return plugin;
        }
        catch
        {
            plugin.Dispose();
            throw;
        }
    }

    public async Task<PoolLease> LeaseAsync(Network network, IpamConfig? config, Dictionary<string, string>? options, bool v6, CancellationToken cancellation)
    {
        var space = (await CallAsync("IpamDriver.GetDefaultAddressSpaces", null, cancellation)).LocalDefaultAddressSpace ?? "";
        var answer = await RequestPoolAsync(space, config?.Subnet, config?.IPRange, options, v6, cancellation);
        var lease = new PoolLease { PoolId = answer.PoolId ?? "", AddressSpace = space };
        try
        {
            if (!Subnet.TryParse(answer.Pool, out var subnet) || subnet.IsIPv6 != v6) throw new WharfException(ErrorKind.Internal, $"remote: the IPAM driver {Name} gave no {(v6 ? "IPv6" : "IPv4")} pool: \"{answer.Pool}\"");
            lease = lease with { Subnet = subnet.ToString() };
            var given = answer.Data?.GetValueOrDefault(GatewayKey)?.Split('/')[0];
            if (config?.Gateway is { Length: > 0 } || given is not { Length: > 0 })
            {
                try { given = await RequestAddressAsync(lease, config?.Gateway, new JsonObject { ["RequestAddressType"] = GatewayKey }, cancellation); }
                catch (WharfException error) { throw new WharfException(error.Kind, $"failed to allocate gateway ({config?.Gateway}): {error.Message}", error); }
            }
            lease = lease with { Gateway = given };
            foreach (var (name, address) in config?.AuxiliaryAddresses ?? [])
            {
                try { lease = lease with { Auxiliary = [.. lease.Auxiliary, await RequestAddressAsync(lease, address, null, cancellation)] }; }
                catch (WharfException error) { throw new WharfException(error.Kind, $"failed to allocate secondary ip address ({name}:{address}): {error.Message}", error); }
            }
            return lease;
        }
        catch
        {
            try { await ReleaseAsync(lease, cancellation); }
            catch (WharfException) { /* the first error is the one to tell */ }
            throw;
        }
    }

    private Task<NetworkPluginAnswer> RequestPoolAsync(string space, string? pool, string? range, Dictionary<string, string>? options, bool v6, CancellationToken cancellation) =>
        CallAsync("IpamDriver.RequestPool", new JsonObject { ["AddressSpace"] = space, ["Pool"] = pool ?? "", ["SubPool"] = range ?? "", ["Options"] = Json(options ?? []), ["V6"] = v6 }, cancellation);

    /// <summary>Asks for the pool, the network's own addresses and those of endpoints once more, as docker does.</summary>
    public async Task ReplayAsync(NetworkRecord network, PoolLease pool, IReadOnlyList<AddressWish> addresses, CancellationToken cancellation)
    {
        if (!RequiresReplay) return;
        var config = network.Network.IPAM!.Config!.Find(config => config.Subnet == pool.Subnet);
        var again = pool with { PoolId = (await RequestPoolAsync(pool.AddressSpace, pool.Subnet, config?.IPRange, network.Network.IPAM.Options, pool.Subnet.Contains(':'), cancellation)).PoolId ?? pool.PoolId };
        if (pool.Gateway is { Length: > 0 } gateway) await RequestAddressAsync(again, gateway, new JsonObject { ["RequestAddressType"] = GatewayKey }, cancellation);
        foreach (var auxiliary in pool.Auxiliary) await RequestAddressAsync(again, auxiliary, null, cancellation);
        foreach (var held in addresses) await AddressAsync(again, held, cancellation);
    }

    public async Task ReleaseAsync(PoolLease lease, CancellationToken cancellation)
    {
        foreach (var address in lease.Gateway is { } gateway ? [gateway, .. lease.Auxiliary] : lease.Auxiliary) await ReleaseAddressAsync(lease, address, mac: "", cancellation);
        await CallAsync("IpamDriver.ReleasePool", new JsonObject { ["PoolID"] = lease.PoolId }, cancellation);
    }

    public Task<string> AddressAsync(PoolLease pool, AddressWish wish, CancellationToken cancellation) =>
        RequestAddressAsync(pool, wish.Address, RequiresMac ? new JsonObject { [MacKey] = wish.Mac } : null, cancellation);

    private async Task<string> RequestAddressAsync(PoolLease lease, string? wanted, JsonObject? options, CancellationToken cancellation)
    {
        var answer = await CallAsync("IpamDriver.RequestAddress", new JsonObject { ["PoolID"] = lease.PoolId, ["Address"] = wanted ?? "", ["Options"] = options }, cancellation);
        return Subnet.TryParseAddress(answer.Address?.Split('/')[0], out var address) ? address.ToString() : throw new WharfException(ErrorKind.Internal, $"remote: the IPAM driver {Name} gave no address: \"{answer.Address}\"");
    }

    public Task ReleaseAddressAsync(PoolLease pool, string address, string mac, CancellationToken cancellation) => CallAsync("IpamDriver.ReleaseAddress", new JsonObject { ["PoolID"] = pool.PoolId, ["Address"] = address }, cancellation);

    /// <summary>Calls a method of the network driver's part, <paramref name="method"/> without its prefix.</summary>
    public Task<NetworkPluginAnswer> DriverAsync(string method, JsonObject request, CancellationToken cancellation) => CallAsync($"{DriverKind}.{method}", request, cancellation);

    public static JsonObject Json(Dictionary<string, string> map)
    {
        var json = new JsonObject();
        foreach (var (key, value) in map) json[key] = value;
        return json;
    }

    private async Task<NetworkPluginAnswer> CallAsync(string method, JsonObject? request, CancellationToken cancellation)
    {
        var (status, body) = await _client.CallAsync(method, request is null ? [] : JsonSerializer.SerializeToUtf8Bytes(request, NetworkPluginJson.Default.JsonObject), cancellation);
        // A driver need not have every method.
        if (status == (int)HttpStatusCode.NotFound) throw WharfException.NotFound($"{method}: the plugin {Name} has no such method");
        NetworkPluginAnswer? answer = null;
        try { if (body.AsSpan().IndexOfAnyExcept((byte)' ', (byte)'\n') >= 0) answer = JsonSerializer.Deserialize(body, NetworkPluginJson.Default.NetworkPluginAnswer); }
        catch (JsonException error) when (status is >= 200 and < 300) { throw _client.Failed(method, error); }
        catch (JsonException) { answer = null; } // an error in plain text: the status tells
        if (answer?.Err is { Length: > 0 } told || (told = answer?.Error) is { Length: > 0 }) throw new WharfException(ErrorKind.Internal, $"remote: {told}");
        return status is >= 200 and < 300 ? answer ?? new NetworkPluginAnswer() : throw new WharfException(ErrorKind.Internal, $"{method}: the plugin {Name} answered {status}");
    }

    public void Dispose() => _client.Dispose();
}

/// <summary>Plugins that networks are of, by name, from their first use on.</summary>
internal sealed class NetworkPlugins : IDisposable
{
    private readonly Dictionary<string, NetworkPlugin> _active = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>NotFound <c>plugin "NAME" not found</c> where there is none, or none of that kind.</summary>
    public async Task<NetworkPlugin> RequireAsync(string name, string kind, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            NetworkPlugin? plugin;
            lock (_active) _active.TryGetValue(name, out plugin);
            plugin ??= await NetworkPlugin.ActivateAsync(name, cancellation);
            if (plugin is not null) lock (_active) _active[name] = plugin;
            return plugin?.Is(kind) == true ? plugin : throw WharfException.NotFound($"plugin \"{name}\" not found");
        }
        finally { _one.Release(); }
    }

    /// <summary>Names of the network drivers in use.</summary>
    public IReadOnlyList<string> Drivers { get { lock (_active) return [.. _active.Values.Where(plugin => plugin.Is(NetworkPlugin.DriverKind)).Select(plugin => plugin.Name)]; } }

    public void Dispose()
    {
        foreach (var plugin in _active.Values) plugin.Dispose();
        _one.Dispose();
    }
}

/// <summary>A pool that an IPAM driver lent a network: given back with the network.</summary>
public sealed record PoolLease
{
    public string PoolId { get; set; } = "";
    public string AddressSpace { get; set; } = "";
    public string Subnet { get; set; } = "";
    public string? Gateway { get; set; }
    public List<string> Auxiliary { get; set; } = [];
}
