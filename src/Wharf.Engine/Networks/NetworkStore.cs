using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Engine.Networks.Plugins;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks;

/// <summary>An endpoint of a running container: what must be taken over after a daemon restart. Never changed, only replaced.</summary>
public sealed record EndpointRecord
{
    public string ContainerId { get; set; } = "";
    public string ContainerName { get; set; } = "";
    public string NetworkId { get; set; } = "";
    /// <summary>The interface's name in the container; empty for networks without one (none).</summary>
    public string Interface { get; set; } = "";
    public EndpointSettings Settings { get; set; } = new();
    public IReadOnlyList<PortMapping> Ports { get; set; } = [];
    /// <summary>What a network plugin made of it; null on networks of ours.</summary>
    public RemoteEndpoint? Remote { get; set; }
}

/// <summary>An endpoint that a network plugin has made: the interface's name on the host, where it goes back to, and routes.</summary>
public sealed record RemoteEndpoint
{
    public string? SourceName { get; set; }
    public List<PluginRoute> Routes { get; set; } = [];
    /// <summary>The plugin leads the container's packets out.</summary>
    public bool External { get; set; }
}

/// <summary>One published port: <c>HostAddress:HostPort → address:ContainerPort</c>, protocol tcp, udp or sctp.</summary>
public sealed record PortMapping
{
    public string HostAddress { get; set; } = "";
    public int HostPort { get; set; }
    public int ContainerPort { get; set; }
    public string Protocol { get; set; } = "tcp";
    /// <summary>The container has no address of the host address's family: bytes are passed on between sockets.</summary>
    public bool Relayed { get; set; }
    /// <summary>Where packets to the host port come in, when something outside of the daemon's network passes them on to a port of ours; 0: at the host address and port themselves.</summary>
    public int LocalPort { get; set; }

    /// <summary>The port of the daemon's network that the firewall turns to the container.</summary>
    [System.Text.Json.Serialization.JsonIgnore] public int ArrivalPort => LocalPort > 0 ? LocalPort : HostPort;
    /// <summary>The address of it; empty or of all zeros for any.</summary>
    [System.Text.Json.Serialization.JsonIgnore] public string ArrivalAddress => LocalPort > 0 ? "" : HostAddress;

    /// <summary>Reached at the container's own address (gateway mode routed): no host port is taken.</summary>
    public bool Routed { get; set; }
}

/// <summary>A network as kept: the API's document and the bridge's name (or, of other drivers, the parent interface's).</summary>
public sealed record NetworkRecord
{
    public Network Network { get; set; } = new();
    public string Bridge { get; set; } = "";
    /// <summary>Subnets the user chose; those we chose may be chosen anew when something else took them.</summary>
    public bool UserSubnets { get; set; }
    /// <summary>The parent interface was made by us and goes with the network.</summary>
    public bool OwnParent { get; set; }

    /// <summary>The bridge was there before us and stays.</summary>
    public bool ForeignBridge { get; set; }
    /// <summary>The address pools as inspect shows them where that is not what holds: docker tells the user's as they came, without the gateway we chose.</summary>
    public List<IpamConfig>? Shown { get; set; }
    /// <summary>What an IPAM plugin lent the network; null where addresses are ours to give.</summary>
    public List<PoolLease>? Pools { get; set; }

    /// <summary>A plugin's network.</summary>
    [JsonIgnore] public bool IsRemote => Network.ConfigOnly != true && !NetworkCreateRules.IsBuiltIn(Network.Driver);
    /// <summary>A bridge of ours, with firewall rules.</summary>
    [JsonIgnore] public bool IsBridge => Network.Driver == "bridge" && Network.ConfigOnly != true;
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NetworkRecord))]
[JsonSerializable(typeof(EndpointRecord))]
internal sealed partial class NetworkRecordJson : JsonSerializerContext;

/// <summary>Networks and live endpoints in the database.</summary>
internal sealed class NetworkStore
{
    private const string Upsert = "insert into endpoint values($1, $2, $3) on conflict do update set document = excluded.document";
    private readonly StateStore _state;

    public NetworkStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists network(id text primary key, name text not null unique, document text not null) without rowid, strict;
            create table if not exists endpoint(container text not null, network text not null, document text not null, primary key(container, network)) without rowid, strict;
            """);
    }

    public List<NetworkRecord> Networks() => _state.Query("select document from network", row => JsonSerializer.Deserialize(row.GetString(0), NetworkRecordJson.Default.NetworkRecord)!);
    public List<EndpointRecord> Endpoints() => _state.Query("select document from endpoint", row => JsonSerializer.Deserialize(row.GetString(0), NetworkRecordJson.Default.EndpointRecord)!);

    public void Save(NetworkRecord record) => _state.Execute("insert into network values($1, $2, $3) on conflict(id) do update set document = excluded.document",
        record.Network.Id, record.Network.Name, JsonSerializer.Serialize(record, NetworkRecordJson.Default.NetworkRecord));

    public void Remove(string id) => _state.Execute("delete from network where id = $1", id);

    /// <summary>All endpoints a container has now, in place of those it had. One transaction.</summary>
    public void SaveEndpoints(string container, IReadOnlyCollection<EndpointRecord> records) => _state.Write((connection, transaction) =>
    {
        using (var clear = StateStore.Prepare(connection, "delete from endpoint where container = $1", [container], transaction)) clear.ExecuteNonQuery();
        foreach (var record in records)
        {
            using var insert = StateStore.Prepare(connection, Upsert, [container, record.NetworkId, JsonSerializer.Serialize(record, NetworkRecordJson.Default.EndpointRecord)], transaction);
            insert.ExecuteNonQuery();
        }
        return records.Count;
    });

    public void RemoveEndpoints(string container) => _state.Execute("delete from endpoint where container = $1", container);
}
