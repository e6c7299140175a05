using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    private const string Listening = "0A", Unconnected = "07";

    /// <summary>Who can reach a container, or one of its ports (<c>80</c>, <c>53/udp</c>), through which rule, in words.</summary>
    public List<string> Explain(string nameOrId, string? port)
    {
        var container = _index.Get(nameOrId);
        (int Port, string Protocol)? asked = string.IsNullOrEmpty(port) ? null : PortRequest.ParseKey(port);
        if (NamespaceModes.ContainerOf(container.HostConfig.NetworkMode) is { } owner)
            return [$"{container.Name} is in the network of container {_index.Find(owner)?.Name ?? owner}:", .. Explain(owner, port)];
        if (!container.State.HasProcess) throw WharfException.Conflict($"container {container.Name} is not running: nobody reaches it");
        var lines = _networks.Explain(container.Id, asked);
        if (asked is { } wanted) lines.Insert(0, WhoListens(container.State.Pid, wanted.Port, wanted.Protocol));
        return lines;
    }

    /// <summary>Reads the container's tables of sockets (proc(5): addresses are hex in the machine's byte order, by words).</summary>
    private static string WhoListens(int pid, int port, string protocol)
    {
        if (protocol == "sctp") return "Whether something listens is not known of sctp.";
        var addresses = new List<IPAddress>();
        foreach (var suffix in (ReadOnlySpan<string>)["", "6"])
        {
            var path = $"/proc/{pid}/net/{protocol}{suffix}";
            if (!File.Exists(path)) continue;
            foreach (var line in File.ReadLines(path).Skip(1))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length < 4 || fields[3] != (protocol == "tcp" ? Listening : Unconnected)) continue;
                var local = fields[1].Split(':');
                if (int.Parse(local[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) == port) addresses.Add(AddressOf(local[0]));
            }
        }
        if (addresses.Count == 0) return $"Nothing in the container listens on {port}/{protocol}: connections are refused, however they get there.";
        if (addresses.TrueForAll(IPAddress.IsLoopback)) return $"In the container {port}/{protocol} is open on {string.Join(", ", addresses)} only: nobody outside the container reaches it.";
        return $"In the container something listens on {port}/{protocol} ({string.Join(", ", addresses)}).";
    }

    private static IPAddress AddressOf(string hex)
    {
        var bytes = Convert.FromHexString(hex);
        for (int word = 0; word < bytes.Length; word += 4)
        {
            var part = bytes.AsSpan(word, 4);
            BinaryPrimitives.WriteUInt32BigEndian(part, BinaryPrimitives.ReadUInt32LittleEndian(part));
        }
        var address = new IPAddress(bytes);
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
