using Wharf.Linux.Nftables;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Networks;

/// <summary>
/// Leads a container's questions on 127.0.0.11 port 53 to where the shim listens, and the answers back. Ports are changed in passing:
/// no connection tracking, which would cost every packet of the container. A container may itself serve port 53 on all its addresses.
/// Machines without nftables do it by iptables, with connection tracking.
/// </summary>
internal sealed class NameServerRules(IptablesProgram? iptables)
{
    private static readonly string Script = $$"""
        add table ip wharf_dns
        delete table ip wharf_dns
        table ip wharf_dns {
          chain output {
            type filter hook output priority -300; policy accept;
            ip daddr {{DnsAddress.Listen}} udp dport {{DnsAddress.Port}} udp dport set {{DnsAddress.ListenPort}}
            ip daddr {{DnsAddress.Listen}} tcp dport {{DnsAddress.Port}} tcp dport set {{DnsAddress.ListenPort}}
            ip saddr {{DnsAddress.Listen}} udp sport {{DnsAddress.ListenPort}} udp sport set {{DnsAddress.Port}}
            ip saddr {{DnsAddress.Listen}} tcp sport {{DnsAddress.ListenPort}} tcp sport set {{DnsAddress.Port}}
          }
        }
        """;

    private static readonly string IptablesScript = $"""
        *nat
        :WHARF-DNS - [0:0]
        -A OUTPUT -d {DnsAddress.Listen}/32 -j WHARF-DNS
        -A WHARF-DNS -p udp -m udp --dport {DnsAddress.Port} -j DNAT --to-destination {DnsAddress.Listen}:{DnsAddress.ListenPort}
        -A WHARF-DNS -p tcp -m tcp --dport {DnsAddress.Port} -j DNAT --to-destination {DnsAddress.Listen}:{DnsAddress.ListenPort}
        COMMIT

        """;

    /// <summary>In the network namespace of the calling thread. Idempotent: a second jump into the chain leads to the same.</summary>
    public void Install()
    {
        if (iptables is not null)
        {
            iptables.Restore(v6: false, IptablesScript);
            return;
        }
        using var nft = new NftablesContext();
        nft.Run(Script);
    }
}
