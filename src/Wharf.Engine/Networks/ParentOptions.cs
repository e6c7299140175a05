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
        if (options?.GetValueOrDefault("parent") is { } parent && (parent.Length is < 1 or > 15 || !parent.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.')))
            throw WharfException.Invalid($"invalid parent interface name \"{parent}\"");
        if (driver == "ipvlan") _ = IpvlanFlag(probe);
        if (options?.GetValueOrDefault("parent") == "lo") throw Wrong($"loopback interface is not a valid {driver} parent link");
        BridgeOptions.Check(options?.Where(option => option.Key == BridgeOptions.Mtu).ToDictionary());
    }

    public static uint MacvlanMode(Network network) => network.Options?.GetValueOrDefault("macvlan_mode") switch
    {
        null or "" or "bridge" => 4, "private" => 1, "vepa" => 2, "passthru" => 8,
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
