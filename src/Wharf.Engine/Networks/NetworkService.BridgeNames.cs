using Wharf.Linux.Netlink;

namespace Wharf.Engine.Networks;

/// <summary>
/// What bridges are called on the host: as docker calls them, since people and tools look for these names. Whose a bridge is stands in its alias,
/// so that several engines on a machine do not take each other's.
/// </summary>
public sealed partial class NetworkService
{
    private const string DockersName = "docker0";

    /// <summary>The alias of our bridges: the name of our firewall table.</summary>
    private string BridgeMark => $"wharf_{_options.InstanceTag}";

    /// <summary>A bridge that has just been made and says by its name alone whose it is. One at a time, under <see cref="_lock"/> or before the first request.</summary>
    private string UnnamedBridge => $"wh{_options.InstanceTag}-new";

    /// <summary>The default network's on a machine with several engines. Interface names have 15 bytes at most.</summary>
    private string TaggedName => $"wh{_options.InstanceTag}-0";

    /// <summary>
    /// What our own bridge of the default network is to be called: docker0 when this is the machine's engine (it has the default data root, and neither
    /// docker nor anybody else has that name), else a name that no other engine has.
    /// </summary>
    private string DefaultBridgeName()
    {
        bool free = RouteNetlink.IndexOf(DockersName) is null ? !AddressPools.DockerIsInstalled : IsOurBridge(DockersName);
        return _options.HasDefaultDataRoot && free ? DockersName : TaggedName;
    }

    private bool IsOurBridge(string name)
    {
        if (name.StartsWith($"wh{_options.InstanceTag}-", StringComparison.Ordinal)) return true;
        try { return Directory.Exists($"/sys/class/net/{name}/bridge") && File.ReadAllText($"/sys/class/net/{name}/ifalias").TrimEnd() == BridgeMark; }
        catch (IOException) { return false; } // it has gone meanwhile
    }
}
