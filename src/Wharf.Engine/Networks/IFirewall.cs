using Microsoft.Extensions.Logging;
using Wharf.Linux.Nftables;

namespace Wharf.Engine.Networks;

/// <summary>
/// What keeps networks apart and turns published ports to containers. Three ways: one nftables table, chains of iptables where the machine has no
/// nftables, or nothing at all where the operator wants no rules (docker's <c>iptables=false</c>). Calls come one at a time; each is all or nothing.
/// </summary>
internal interface IFirewall : IDisposable
{
    /// <summary>What it calls its rules, for people.</summary>
    string Name { get; }

    /// <summary>False where ports reach containers through relays of the daemon alone.</summary>
    bool TurnsPorts { get; }

    /// <summary>In words, where the rule of a port is.</summary>
    string PlaceOf(PortMapping port);

    /// <summary>Puts all rules in place, replacing what is there.</summary>
    void Install(IEnumerable<NetworkRecord> networks, IEnumerable<EndpointRecord> endpoints);

    /// <summary>Lets packets of networks pass the host's own firewall, where it does not yet. True when a rule had to be made.</summary>
    bool AllowOnHost(IEnumerable<NetworkRecord> networks);

    /// <summary>Whether the rules are still there: someone may have flushed them.</summary>
    bool IsInPlace();

    void AddNetwork(NetworkRecord network);
    void RemoveNetwork(NetworkRecord network);
    void AddPorts(EndpointRecord endpoint);
    void RemovePorts(EndpointRecord endpoint);

    /// <summary>Takes all rules away.</summary>
    void Remove();

    /// <summary>Calls <paramref name="changed"/> when somebody may have removed rules; until cancelled.</summary>
    Task WatchAsync(Action changed, CancellationToken cancellation);
}

/// <summary>Chooses how rules are made on this machine.</summary>
internal static class FirewallChoice
{
    public static IFirewall Open(DaemonOptions options, ILogger log)
    {
        if (!options.UsesFirewall) return new NoFirewall();
        switch (options.FirewallBackend)
        {
            case "nftables": return new NftablesFirewall(options.InstanceTag, options, new NftablesContext());
            case "iptables": return Iptables(options, legacy: false);
            case "iptables-legacy": return Iptables(options, legacy: true);
        }
        var nft = new NftablesContext();
        var firewall = new NftablesFirewall(options.InstanceTag, options, nft);
        if (WhyNoNftables(nft, firewall.Name) is not { } why) return firewall;
        firewall.Dispose();
        log.NoNftables(why);
        return Iptables(options, legacy: true);
    }

    private static IptablesFirewall Iptables(DaemonOptions options, bool legacy) => new(new IptablesRules(options.InstanceTag, options), legacy);

    /// <summary>The library and the kernel's side must both be there. A table of our own is asked for, which need not be there: for a list of all, the library reads every rule of the host.</summary>
    private static string? WhyNoNftables(NftablesContext nft, string table)
    {
        try { _ = nft.Run($"list table inet {table}"); }
        catch (IOException error) when (!error.Message.Contains("No such file or directory", StringComparison.Ordinal)) { return error.Message; }
        catch (IOException) { /* the kernel has looked for it */ }
        return null;
    }
}

/// <summary>No rules: containers reach out only where the operator's own rules say so, and published ports are relayed.</summary>
internal sealed class NoFirewall : IFirewall
{
    public string Name => "none";
    public bool TurnsPorts => false;
    public string PlaceOf(PortMapping port) => "no rule, as the daemon runs with --iptables=false";
    public void Install(IEnumerable<NetworkRecord> networks, IEnumerable<EndpointRecord> endpoints) { }
    public bool AllowOnHost(IEnumerable<NetworkRecord> networks) => false;
    public bool IsInPlace() => true;
    public void AddNetwork(NetworkRecord network) { }
    public void RemoveNetwork(NetworkRecord network) { }
    public void AddPorts(EndpointRecord endpoint) { }
    public void RemovePorts(EndpointRecord endpoint) { }
    public void Remove() { }
    public Task WatchAsync(Action changed, CancellationToken cancellation) => Task.CompletedTask;
    public void Dispose() { }
}
