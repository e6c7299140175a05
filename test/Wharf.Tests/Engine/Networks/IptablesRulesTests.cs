using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class IptablesRulesTests
{
    private static readonly IptablesRules Rules = new("abcd1234", new DaemonOptions());

    private static NetworkRecord Net(string bridge, string subnet, bool isInternal = false, params (string, string)[] options) => new()
    {
        Bridge = bridge,
        Network = new Network { Name = bridge, Driver = "bridge", Internal = isInternal, Options = options.ToDictionary(option => option.Item1, option => option.Item2), IPAM = new Ipam { Config = [new IpamConfig { Subnet = subnet }] } },
    };

    private static EndpointRecord Endpoint(params PortMapping[] ports) => new() { ContainerId = "c", NetworkId = "n", Settings = new EndpointSettings { IPAddress = "10.1.0.2", GlobalIPv6Address = "fd00::2" }, Ports = ports };

    private static string[] Script(bool v6, NetworkRecord network, EndpointRecord endpoint, string saved = "") => Rules.Script(v6, [network], [endpoint], saved).Split('\n');

    [Fact]
    public void A_range_is_one_rule_and_named_addresses_come_first()
    {
        var script = Script(false, Net("br0", "10.1.0.0/16"), Endpoint([new() { HostAddress = "0.0.0.0", HostPort = 80, ContainerPort = 8080 }, .. Enumerable.Range(9000, 100).Select(port => new PortMapping { HostAddress = "127.0.0.1", HostPort = port, ContainerPort = port })]));
        script.Where(line => line.Contains("DNAT --to", StringComparison.Ordinal)).ShouldBe(
        [
            "-A WHARF-abcd1234-PORTS -d 127.0.0.1 -p tcp -m tcp --dport 9000:9099 -j DNAT --to-destination 10.1.0.2",
            "-A WHARF-abcd1234-PORTS -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.2:8080",
        ]);
        script.ShouldContain("-I PREROUTING 1 ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j WHARF-abcd1234-PORTS");
        script.ShouldContain("-A WHARF-abcd1234-POST -s 10.1.0.0/16 -j MASQUERADE");
        script.ShouldContain("-A WHARF-abcd1234-FORWARD -o br0 -j DROP");
    }

    [Fact]
    public void Six_is_like_four()
    {
        var script = Script(true, Net("br0", "fd00::/64"), Endpoint(new PortMapping { HostAddress = "::", HostPort = 80, ContainerPort = 8080, Protocol = "udp" }, new PortMapping { HostAddress = "0.0.0.0", HostPort = 81, ContainerPort = 81 }));
        script.Where(line => line.Contains("DNAT --to", StringComparison.Ordinal)).ShouldBe(["-A WHARF-abcd1234-PORTS -p udp -m udp --dport 80 -j DNAT --to-destination [fd00::2]:8080"]);
        script.ShouldContain("-I OUTPUT 1 ! -d ::1/128 -m addrtype --dst-type LOCAL -j WHARF-abcd1234-PORTS");
    }

    [Fact]
    public void What_is_there_is_not_added_twice_and_is_found_and_removed()
    {
        var first = Rules.Script(false, [Net("br0", "10.1.0.0/16")], [], "");
        // As iptables-save would tell it.
        var saved = first.Replace("-I PREROUTING 1 ", "-A PREROUTING ", StringComparison.Ordinal).Replace("-I OUTPUT 1 ", "-A OUTPUT ", StringComparison.Ordinal).Replace("-I POSTROUTING 1 ", "-A POSTROUTING ", StringComparison.Ordinal).Replace("-I FORWARD 1 ", "-A FORWARD ", StringComparison.Ordinal);
        Rules.AreIn(saved, v6: false, networks: 1).ShouldBeTrue();
        Rules.AreIn("", v6: false, networks: 1).ShouldBeFalse();
        Rules.Script(false, [Net("br0", "10.1.0.0/16")], [], saved).ShouldNotContain("-I ", Case.Sensitive);
        var removal = Rules.RemovalScript(saved);
        removal.ShouldContain("-D FORWARD -j WHARF-abcd1234-FORWARD");
        removal.ShouldContain("-X WHARF-abcd1234-PORTS");
        Rules.RemovalScript("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n").ShouldBeEmpty();
    }

    [Fact]
    public void An_internal_network_has_no_way_out_and_no_masquerade()
    {
        var script = Script(false, Net("br0", "10.1.0.0/16", isInternal: true), Endpoint());
        script.ShouldContain("-A WHARF-abcd1234-FORWARD -i br0 -j DROP");
        script.ShouldNotContain("-A WHARF-abcd1234-POST -s 10.1.0.0/16 -j MASQUERADE");
    }

    [Fact]
    public void Where_the_hosts_rules_are_respected_nothing_ends_its_chain() =>
        new IptablesRules("abcd1234", new DaemonOptions { RespectHostFirewall = true }).Script(false, [Net("br0", "10.1.0.0/16")], [], "").ShouldNotContain("ACCEPT");
}
