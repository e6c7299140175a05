using System.Globalization;
using System.Text.RegularExpressions;
using Wharf.Linux.Nftables;

namespace Wharf.Engine.Networks;

/// <summary>
/// The host's own iptables chain FORWARD, which may drop what it does not know: with nftables a drop in any table is final, so packets of
/// containers are let through there too, as docker does, and judged by our table alone. Not used with <c>--firewall=respect</c>.
/// </summary>
internal sealed partial class HostForwarding(string tag) : IDisposable
{
    /// <summary>The table that iptables keeps its filter chains in.</summary>
    public const string Table = "filter";

    private readonly NftablesContext _nft = new();
    private string Comment => $"wharf {tag}";

    /// <summary>Lets packets from and to bridges pass, where the chain exists. Idempotent; true when a rule was missing.</summary>
    public bool Allow(IEnumerable<string> bridges)
    {
        bool missing = false;
        foreach (var family in (ReadOnlySpan<string>)["ip", "ip6"])
        {
            if (List(family) is not { } chain) continue;
            var script = string.Concat(bridges.SelectMany(bridge => (string[])[$"iifname \"{bridge}\"", $"oifname \"{bridge}\""]).Where(match => !chain.Contains(match + " counter", StringComparison.Ordinal))
                .Select(match => $"insert rule {family} {Table} FORWARD {match} counter accept comment \"{Comment}\"\n"));
            if (script.Length == 0) continue;
            _nft.Run(script);
            missing = true;
        }
        return missing;
    }

    /// <summary>Takes the rules of one bridge, or all of this daemon's, away.</summary>
    public void Remove(string? bridge = null)
    {
        foreach (var family in (ReadOnlySpan<string>)["ip", "ip6"])
        {
            if (List(family) is not { } chain) continue;
            var script = string.Concat(chain.Split('\n').Where(line => line.Contains($"comment \"{Comment}\"", StringComparison.Ordinal) && (bridge is null || line.Contains($"\"{bridge}\"", StringComparison.Ordinal)))
                .Select(line => Handle().Match(line)).Where(match => match.Success).Select(match => string.Create(CultureInfo.InvariantCulture, $"delete rule {family} {Table} FORWARD handle {match.Groups[1].Value}\n")));
            if (script.Length > 0) _nft.Run(script);
        }
    }

    private string? List(string family)
    {
        try { return _nft.Run($"list chain {family} {Table} FORWARD", handles: true); }
        catch (IOException) { return null; } // no such chain: nobody uses iptables here
    }

    public void Dispose() => _nft.Dispose();

    [GeneratedRegex(@"# handle (\d+)\s*$")] private static partial Regex Handle();
}
