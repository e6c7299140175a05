using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class PortRequestTests
{
    private static List<PortWish> Expand(Dictionary<string, List<PortBinding>?> bindings, string[]? exposed = null, bool all = false) => [.. PortRequest.Expand(bindings, exposed ?? bindings.Keys.ToArray(), all)];

    [Theory]
    [InlineData("80", 80, "tcp")]
    [InlineData("80/tcp", 80, "tcp")]
    [InlineData("53/UDP", 53, "udp")]
    [InlineData("9/sctp", 9, "sctp")]
    public void A_port_is_a_number_and_a_protocol(string key, int port, string protocol) => PortRequest.ParseKey(key).ShouldBe((port, protocol));

    [Theory]
    [InlineData("0/tcp")]
    [InlineData("65536/tcp")]
    [InlineData("80/icmp")]
    [InlineData("80/tcp/x")]
    [InlineData("-1")]
    [InlineData("+80")]
    [InlineData("eighty")]
    [InlineData("")]
    public void What_is_no_port_is_refused(string key) => Should.Throw<WharfException>(() => PortRequest.ParseKey(key)).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void A_range_of_host_ports_is_one_wish() =>
        Expand(new() { ["80/tcp"] = [new PortBinding { HostIp = "127.0.0.1", HostPort = "8000-8010" }] }).ShouldBe([new PortWish("127.0.0.1", 8000, 8010, 80, "tcp")]);

    [Theory]
    [InlineData("8010-8000")]
    [InlineData("8000-8010-8020")]
    [InlineData("8000-")]
    [InlineData("70000")]
    [InlineData("a")]
    public void A_range_that_is_none_is_refused(string range) =>
        Should.Throw<WharfException>(() => Expand(new() { ["80/tcp"] = [new PortBinding { HostPort = range }] })).Message.ShouldBe($"invalid hostPort \"{range}\" for port 80/tcp");

    [Fact]
    public void Numbers_asked_for_come_before_ranges_and_free_choice() =>
        Expand(new() { ["1/tcp"] = [new PortBinding()], ["2/tcp"] = [new PortBinding { HostPort = "5-9" }], ["3/tcp"] = [new PortBinding { HostPort = "7" }] }).Select(wish => wish.ContainerPort).ShouldBe([3, 2, 1]);

    // As dockerd 28.5 does it.
    [Fact]
    public void A_binding_counts_only_for_a_port_that_is_exposed()
    {
        Expand(new() { ["80/tcp"] = [new PortBinding { HostPort = "8080" }] }, []).ShouldBeEmpty();
        Expand(new() { ["80/tcp"] = [], ["81/tcp"] = null }).ShouldBeEmpty();
        Expand(new() { ["80"] = [new PortBinding { HostPort = "8080" }] }, ["80/TCP"]).ShouldBe([new PortWish("", 8080, 8080, 80, "tcp")]);
    }

    [Fact]
    public void Publishing_all_takes_the_exposed_ports_that_are_not_bound() =>
        Expand(new() { ["80/tcp"] = [new PortBinding { HostPort = "8080" }] }, ["80/tcp", "53/udp"], all: true).ShouldBe([new PortWish("", 8080, 8080, 80, "tcp"), new PortWish("", 0, 0, 53, "udp")]);
}
