using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Reads the options of macvlan and ipvlan networks: numbers are those of if_link.h.</summary>
internal static class ParentOptions
{
    public static void Check(string driver, Dictionary<string, string>? options)
    {
        var probe = new Network { Driver = driver, Options = options };
        if (driver == "macvlan") _ = MacvlanMode(probe);
        else _ = IpvlanMode(probe);
        if (options?.GetValueOrDefault("parent") is { } parent && (parent.Length > 15 || !parent.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.')))
            throw WharfException.Invalid($"invalid parent interface name \"{parent}\"");
        if (driver == "ipvlan") _ = IpvlanFlag(probe);
        if (options?.GetValueOrDefault("parent") == "lo") throw Wrong($"loopback interface is not a valid {driver} parent link");
        BridgeOptions.Check(options?.Where(option => option.Key == BridgeOptions.Mtu).ToDictionary());
    }

    /// <summary>The parent that was asked for, if one was.</summary>
    public static string? Of(Network network) => network.Options?.GetValueOrDefault("parent") is { Length: > 0 } parent ? parent : null;

    /// <summary>A parent of an ipvlan network, which gives the parent its mode, or of a macvlan network in mode passthru is that network's alone. Docker's words.</summary>
    public static void CheckShared(Network network, IEnumerable<Network> others)
    {
        if (others.FirstOrDefault(other => other.Driver == network.Driver) is not { } other) return;
        if (network.Driver == "ipvlan") throw Wrong($"network di-{other.Id![..12]} is already using parent interface {Of(network)}");
        if (network.Driver != "macvlan") return;
        if (MacvlanMode(network) == Passthru) throw Wrong($"cannot use mode passthru, macvlan network {other.Id} is already using parent interface {Of(network)}");
        if (MacvlanMode(other) == Passthru) throw Wrong($"macvlan network {other.Id} is already using parent interface {Of(network)} in mode passthru");
    }

    /// <summary>Reads <c>eth0.10</c>, the name of a VLAN on an interface that is there, by what <paramref name="indexOf"/> says of it.</summary>
    public static (int Below, ushort Id) ParseVlan(string name, Func<string, int?> indexOf)
    {
        var parts = name.Split('.');
        if (parts.Length < 2) throw Wrong($"invalid subinterface vlan name {name}, example formatting is eth0.10");
        if (parts.Length > 2) throw Wrong($"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {name}");
        if (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int id)) throw Wrong($"unable to parse a valid vlan id from: {parts[1]} (ex. eth0.10 for vlan 10)");
        int below = indexOf(parts[0]) ?? throw Wrong($"-o parent interface was not found on the host: {parts[0]}");
        return id is > 0 and < 4095 ? (below, (ushort)id) : throw Wrong($"vlan id must be between 1-4094, received: {id}");
    }

    private const uint Passthru = 8;

    public static uint MacvlanMode(Network network) => network.Options?.GetValueOrDefault("macvlan_mode") switch
    {
        null or "" or "bridge" => 4, "private" => 1, "vepa" => 2, "passthru" => Passthru,
        var mode => throw Wrong($"requested macvlan mode '{mode}' is not valid, 'bridge' mode is the macvlan driver default"),
    };

    public static ushort IpvlanMode(Network network) => network.Options?.GetValueOrDefault("ipvlan_mode") switch
    {
        null or "" or "l2" => 0, "l3" => 1, "l3s" => 2,
        var mode => throw Wrong($"requested ipvlan mode '{mode}' is not valid, 'l2' mode is the ipvlan driver default"),
    };

    public static ushort IpvlanFlag(Network network) => network.Options?.GetValueOrDefault("ipvlan_flag") switch
    {
        null or "" or "bridge" => 0, "private" => 1, "vepa" => 2,
        var flag => throw Wrong($"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default"),
    };

    private static WharfException Wrong(string message) => new(ErrorKind.Internal, message);

    /// <summary>Layer 3: there is no neighbour to ask, routes name no gateway.</summary>
    public static bool IsLayer3(Network network) => network.Driver == "ipvlan" && IpvlanMode(network) != 0;
}
