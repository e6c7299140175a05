using System.Text.Json;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks;

/// <summary>An endpoint of a running container: what must be taken over after a daemon restart.</summary>
public sealed record EndpointRecord
{
    public string ContainerId { get; set; } = "";
    public string ContainerName { get; set; } = "";
    public string NetworkId { get; set; } = "";
    public EndpointSettings Settings { get; set; } = new();
    public List<PortMapping> Ports { get; set; } = [];
}

/// <summary>One published port: <c>HostAddress:HostPort → address:ContainerPort</c>, protocol tcp, udp or sctp.</summary>
public sealed record PortMapping
{
    public string HostAddress { get; set; } = "";
    public int HostPort { get; set; }
    public int ContainerPort { get; set; }
    public string Protocol { get; set; } = "tcp";
}

/// <summary>A network as kept: the API's document and the bridge's name.</summary>
public sealed record NetworkRecord
{
    public Network Network { get; set; } = new();
    public string Bridge { get; set; } = "";
}

[System.Text.Json.Serialization.JsonSourceGenerationOptions(GenerationMode = System.Text.Json.Serialization.JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
[System.Text.Json.Serialization.JsonSerializable(typeof(NetworkRecord))]
[System.Text.Json.Serialization.JsonSerializable(typeof(EndpointRecord))]
internal sealed partial class NetworkRecordJson : System.Text.Json.Serialization.JsonSerializerContext;

/// <summary>Networks and live endpoints in the database.</summary>
internal sealed class NetworkStore
{
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

    public void Add(NetworkRecord record) =>
        _state.Execute("insert into network values($1, $2, $3)", record.Network.Id, record.Network.Name, JsonSerializer.Serialize(record, NetworkRecordJson.Default.NetworkRecord));

    public void Remove(string id) => _state.Execute("delete from network where id = $1", id);

    public void Save(EndpointRecord record) => _state.Execute("insert into endpoint values($1, $2, $3) on conflict do update set document = excluded.document",
        record.ContainerId, record.NetworkId, JsonSerializer.Serialize(record, NetworkRecordJson.Default.EndpointRecord));

    public void RemoveEndpoints(string container) => _state.Execute("delete from endpoint where container = $1", container);
}
