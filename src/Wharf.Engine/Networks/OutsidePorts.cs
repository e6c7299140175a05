using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>
/// Ports of the host's that lead into the network of a daemon started by an ordinary user: slirp4netns listens on them as that user, and connections come
/// in from its address or their own. Its socket takes one request a connection, of JSON (slirp4netns(1), "API socket"). It goes on while the daemon is down.
/// </summary>
internal sealed class OutsidePorts(string state)
{
    /// <summary>The address of the daemon's network that slirp4netns gives to its interface.</summary>
    private const string Inside = "10.0.2.100";
    private const int FirstOrdinary = 1024, MostAnswer = 1 << 20;

    private readonly string _socket = Path.Combine(state, "slirp.sock");

    /// <summary>Listens, and gives what <see cref="Remove"/> takes. What a former daemon left on the same port is taken over or replaced: by now it is ours to give.</summary>
    public long Listen(string protocol, IPAddress address, int port, int local, string what)
    {
        if (protocol is not ("tcp" or "udp")) throw new WharfException(ErrorKind.Internal, $"failed to bind host port for {what}: protocol not supported");
        foreach (var entry in Entries().Where(entry => Is(entry, "proto", protocol) && Is(entry, "host_addr", address.ToString()) && Is(entry, "host_port", port)))
        {
            if (Is(entry, "guest_port", local)) return (long)entry["id"]!;
            Remove((long)entry["id"]!);
        }
        var answer = Ask("add_hostfwd", new JsonObject { ["proto"] = protocol, ["host_addr"] = address.ToString(), ["host_port"] = port, ["guest_addr"] = Inside, ["guest_port"] = local });
        if (answer["return"]?["id"] is { } id) return (long)id;
        // It does not say why.
        var why = port < FirstOrdinary ? "permission denied, or address already in use (the sysctl net.ipv4.ip_unprivileged_port_start says from which port on users may listen)" : "address already in use";
        throw new WharfException(ErrorKind.Internal, $"failed to bind host port for {what}: {why}");
    }

    public void Remove(long id) => _ = Ask("remove_hostfwd", new JsonObject { ["id"] = id });

    // Within "return", says the manual; by themselves, says version 1.2.
    private IEnumerable<JsonNode> Entries() => Ask("list_hostfwd", null) is var answer && (answer["return"] ?? answer)["entries"] is JsonArray entries ? entries.OfType<JsonNode>() : [];

    private static bool Is(JsonNode entry, string key, string value) => entry[key]?.GetValueKind() == JsonValueKind.String && (string?)entry[key] == value;
    private static bool Is(JsonNode entry, string key, int value) => entry[key]?.GetValueKind() == JsonValueKind.Number && (int?)entry[key] == value;

    private JsonNode Ask(string request, JsonObject? arguments)
    {
        var message = new JsonObject { ["execute"] = request };
        if (arguments is not null) message["arguments"] = arguments;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 5000, SendTimeout = 5000 };
            socket.Connect(new UnixDomainSocketEndPoint(_socket));
            socket.Send(Encoding.UTF8.GetBytes(message.ToJsonString()));
            socket.Shutdown(SocketShutdown.Send);
            var answer = new MemoryStream();
            var buffer = new byte[4096];
            for (int count; (count = socket.Receive(buffer)) > 0 && answer.Length < MostAnswer;) answer.Write(buffer, 0, count);
            return JsonNode.Parse(answer.ToArray()) ?? throw new JsonException("no answer");
        }
        catch (Exception error) when (error is SocketException or JsonException)
        {
            throw new WharfException(ErrorKind.Internal, $"the program of the daemon's network (slirp4netns) does not answer at {_socket}: {error.Message}", error);
        }
    }
}
