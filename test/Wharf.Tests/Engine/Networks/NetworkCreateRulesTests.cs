using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class NetworkCreateRulesTests
{
    private static WharfException Refused(NetworkCreateRequest request) => Should.Throw<WharfException>(() => NetworkCreateRules.Check(request));
    private static NetworkCreateRequest With(params IpamConfig[] configs) => new() { Name = "n", IPAM = new Ipam { Config = [.. configs] } };

    [Theory]
    [InlineData("", ErrorKind.InvalidArgument, "invalid name: name is empty")]
    [InlineData("bridge", ErrorKind.Forbidden, "operation is not permitted on predefined bridge network ")]
    public void Names_have_rules(string name, ErrorKind kind, string message)
    {
        var error = Refused(new NetworkCreateRequest { Name = name });
        (error.Kind, error.Message).ShouldBe((kind, message));
    }

    [Fact]
    public void Drivers_that_are_not_built_in_are_left_to_plugins()
    {
        Should.NotThrow(() => NetworkCreateRules.Check(new NetworkCreateRequest { Name = "n", Driver = "weave", IPAM = new Ipam { Driver = "weavemesh" } }));
        NetworkCreateRules.IsBuiltIn("weave").ShouldBeFalse();
        NetworkCreateRules.IsBuiltIn("ipvlan").ShouldBeTrue();
        Refused(new NetworkCreateRequest { Name = "n", Driver = "host" }).Kind.ShouldBe(ErrorKind.Forbidden);
    }

    [Fact]
    public void Subnets_of_one_network_may_not_overlap() =>
        Refused(new NetworkCreateRequest { Name = "n", IPAM = new Ipam { Config = [new() { Subnet = "10.1.0.0/16" }, new() { Subnet = "10.1.2.0/24" }] } }).Message.ShouldBe("invalid pool request: Pool overlaps with other one on this address space");

    [Fact]
    public void No_size_and_no_name_are_those_that_docker_chooses()
    {
        var options = new Dictionary<string, string> { [BridgeOptions.Mtu] = "0", [BridgeOptions.Name] = "" };
        NetworkCreateRules.Check(new NetworkCreateRequest { Name = "n", Options = options });
        BridgeOptions.MtuOf(new Network { Options = options }).ShouldBeNull();
    }

    // Messages as dockerd 28.5 gives them.
    [Theory]
    [InlineData("10.1.0.0/33", null, null, "invalid subnet 10.1.0.0/33: invalid CIDR block notation")]
    [InlineData("10.1.0.5/24", null, null, "invalid subnet 10.1.0.5/24: it should be 10.1.0.0/24")]
    [InlineData("10.1.0.0/24", "10.2.0.0/25", null, "invalid ip-range 10.2.0.0/25: parent subnet 10.1.0.0/24 doesn't contain ip-range")]
    [InlineData("10.1.0.0/24", null, "10.2.0.1", "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/24 doesn't contain this address")]
    public void Addresses_must_fit_the_subnet(string subnet, string? range, string? gateway, string message) =>
        Refused(With(new IpamConfig { Subnet = subnet, IPRange = range, Gateway = gateway })).Message.ShouldBe("invalid network config:\n" + message);

    [Fact]
    public void All_mistakes_are_told_at_once() => Refused(With(new IpamConfig { Subnet = "10.1.0.0/24", Gateway = "x", AuxiliaryAddresses = new() { ["a"] = "10.9.0.1" } })).Message
        .ShouldBe("invalid network config:\n* invalid gateway x: invalid address\n* invalid auxiliary address a: parent subnet 10.1.0.0/24 doesn't contain this address");

    [Fact]
    public void One_subnet_of_each_family() => Refused(With(new IpamConfig { Subnet = "10.1.0.0/24" }, new IpamConfig { Subnet = "10.2.0.0/24" })).Message.ShouldBe("bridge driver doesn't support multiple subnets");

    [Fact]
    public void Some_family_must_be_enabled() => Refused(new NetworkCreateRequest { Name = "n", EnableIPv4 = false }).Message.ShouldBe("IPv4 or IPv6 must be enabled");

    [Theory]
    [InlineData("com.docker.network.driver.mtu", "abc")]
    [InlineData("com.docker.network.bridge.enable_icc", "maybe")]
    [InlineData("com.docker.network.bridge.name", "a name")]
    [InlineData("com.docker.network.bridge.name", "../../etc")]
    [InlineData("com.docker.network.bridge.name", "x\" }; flush ruleset; {")]
    [InlineData("com.docker.network.bridge.host_binding_ipv4", "here")]
    public void Options_that_cannot_be_meant_are_refused(string key, string value) => Refused(new NetworkCreateRequest { Name = "n", Options = new() { [key] = value } }).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void Unknown_options_are_kept_as_docker_keeps_them() => NetworkCreateRules.Check(new NetworkCreateRequest { Name = "n", Options = new() { ["com.docker.network.foo"] = "bar" } });
}
