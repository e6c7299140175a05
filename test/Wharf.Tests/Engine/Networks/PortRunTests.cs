using Shouldly;
using Wharf.Engine.Networks;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class PortRunTests
{
    private static PortMapping Port(int host, int? container = null, string address = "0.0.0.0", string protocol = "tcp", bool routed = false) =>
        new() { HostAddress = address, HostPort = routed ? 0 : host, ContainerPort = container ?? host, Protocol = protocol, Routed = routed };

    private static string[] Of(params PortMapping[] ports) => [.. PortRun.Of(ports).Select(run => $"{run.Mapping.HostAddress} {run.Mapping.Protocol} {run.First}-{run.Last}")];

    [Fact]
    public void Neighbours_that_stay_what_they_are_are_one_run() =>
        PortRun.Of(Enumerable.Range(8000, 1000).Reverse().Select(port => Port(port))).ShouldHaveSingleItem().ShouldSatisfyAllConditions(run => run.First.ShouldBe(8000), run => run.Last.ShouldBe(8999), run => run.IsRange.ShouldBeTrue());

    [Fact]
    public void Gaps_addresses_and_protocols_divide() =>
        Of(Port(80), Port(81), Port(83), Port(81, protocol: "udp"), Port(82, protocol: "udp"), Port(81, address: "::"), Port(82, address: "127.0.0.1")).ShouldBe(["0.0.0.0 tcp 80-81", "0.0.0.0 tcp 83-83", "0.0.0.0 udp 81-82", "127.0.0.1 tcp 82-82", ":: tcp 81-81"]);

    [Fact]
    public void What_leads_to_another_number_stands_alone() =>
        Of(Port(80), Port(81, 90), Port(82, 91), Port(83), Port(84)).ShouldBe(["0.0.0.0 tcp 80-80", "0.0.0.0 tcp 81-81", "0.0.0.0 tcp 82-82", "0.0.0.0 tcp 83-84"]);

    [Fact]
    public void Ports_that_something_outside_passes_on_are_told_by_where_they_come_in() =>
        PortRun.Of([Port(80, address: "127.0.0.1") with { LocalPort = 80 }, Port(81) with { LocalPort = 81 }, Port(82) with { LocalPort = 40000 }]).Select(run => (run.Mapping.ArrivalAddress, run.First, run.Last)).ShouldBe([("", 80, 81), ("", 40000, 40000)]);

    [Fact]
    public void Routed_ports_count_once_however_often_they_are_published() =>
        Of(Port(0, 80, routed: true), Port(0, 81, routed: true), Port(0, 81, routed: true), Port(0, 82, routed: true)).ShouldBe(["0.0.0.0 tcp 80-82"]);
}
