using System.Globalization;
using System.Text.RegularExpressions;
using Wharf.Linux.Nftables;

namespace Wharf.Engine.Networks;

/// <summary>
/// The host's own iptables chain FORWARD, which may drop what it does not know: with nftables a drop in any table is final, so packets of
/// containers are let through there too, as docker does, and judged by our table alone. Not used with <c>--firewall=respect</c>.
/// </summary>
internal sealed partial class HostForwarding(string tag, NftablesContext nft)
{
    /// <summary>The table that iptables keeps its filter chains in.</summary>
    public const string Table = "filter";

    private readonly NftablesContext _nft = nft;
    private string Comment => $"wharf {tag}";

    /// <summary>Stands on chains that no other program had made, so that they can go again.</summary>
    private const string Made = "comment \"made by wharf\"";

    /// <summary>The chain that docker's users have rules of their own in, which are asked before docker's.</summary>
    public const string UserChain = "DOCKER-USER";

    /// <summary>
    /// Lets packets from and to bridges pass unless the operator's own rules in DOCKER-USER drop them; that chain is made where iptables can show it,
    /// as scripts and fail2ban put rules into it whether docker runs or not. Idempotent; true when a rule was missing.
    /// </summary>
    public bool Allow(IEnumerable<string> bridges)
    {
        var all = bridges.ToList();
        var insertions = new System.Text.StringBuilder();
        foreach (var family in (ReadOnlySpan<string>)["ip", "ip6"])
        {
            var chain = List(family, "FORWARD");
            bool hasUserChain = List(family, UserChain) is not null;
            if (!hasUserChain && IptablesProgram.ShowsNftables)
            {
                // As iptables itself makes them.
                _nft.Run($"add table {family} {Table}\n{(chain is null ? $"add chain {family} {Table} FORWARD {{ type filter hook forward priority 0; policy accept; {Made}; }}\n" : "")}add chain {family} {Table} {UserChain} {{ {Made}; }}");
                (chain, hasUserChain) = (List(family, "FORWARD"), true);
            }
            if (chain is null) continue;
            // Each is put first: what is to be asked before is inserted after.
            foreach (var rule in all.SelectMany(bridge => (string[])[$"iifname \"{bridge}\"", $"oifname \"{bridge}\""]).SelectMany(match => (string?[])[Missing(match, "accept"), hasUserChain ? Missing(match, $"jump {UserChain}") : null]).OfType<string>()) insertions.Append(rule);

            string? Missing(string match, string verdict) => HasRule(chain, match, verdict) ? null : $"insert rule {family} {Table} FORWARD {match} counter {verdict} comment \"{Comment}\"\n";
        }
        // All in one: for every change the library reads what the host has.
        if (insertions.Length == 0) return false;
        _nft.Run(insertions.ToString());
        return true;
    }

    // As it is listed, with the counter's numbers between.
    private static bool HasRule(string chain, string match, string verdict) =>
        chain.Split('\n').Any(line => line.Contains(match + " counter", StringComparison.Ordinal) && line.Contains($" {verdict} ", StringComparison.Ordinal));

    /// <summary>Takes the rules of one bridge, or all of this daemon's, away; with these the chains that were made for them and that nobody has put anything into.</summary>
    public void Remove(string? bridge = null)
    {
        foreach (var family in (ReadOnlySpan<string>)["ip", "ip6"])
        {
            if (List(family, "FORWARD") is not { } chain) continue;
            var script = string.Concat(chain.Split('\n').Where(line => line.Contains($"comment \"{Comment}\"", StringComparison.Ordinal) && (bridge is null || line.Contains($"\"{bridge}\"", StringComparison.Ordinal)))
                .Select(line => Handle().Match(line)).Where(match => match.Success).Select(match => string.Create(CultureInfo.InvariantCulture, $"delete rule {family} {Table} FORWARD handle {match.Groups[1].Value}\n")));
            if (script.Length > 0) _nft.Run(script);
            if (bridge is null) foreach (var name in (ReadOnlySpan<string>)["FORWARD", UserChain]) if (List(family, name)?.Contains(Made, StringComparison.Ordinal) == true) IptablesProgram.DeleteUnused(family == "ip6", name);
        }
    }

    private string? List(string family, string chain)
    {
        try { return _nft.Run($"list chain {family} {Table} {chain}", handles: true); }
        catch (IOException) { return null; } // no such chain: nobody uses iptables here
    }

    [GeneratedRegex(@"# handle (\d+)\s*$")] private static partial Regex Handle();
}
