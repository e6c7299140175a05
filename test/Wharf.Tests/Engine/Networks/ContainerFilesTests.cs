using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class ContainerFilesTests
{
    private static readonly ContainerFilesRequest Plain = new()
    {
        Hostname = "web", Endpoints = [new EndpointSettings { IPAddress = "172.17.0.2", GlobalIPv6Address = "fd00::2" }], HostGateway = "172.17.0.1",
    };

    private static string[] Settings(ContainerFilesRequest request, string[] host) => [.. ContainerFiles.ResolvConf(request, host).Split('\n').Where(line => line.Length > 0 && line[0] != '#')];

    [Fact]
    public void With_a_name_server_of_its_own_a_container_asks_that_one()
    {
        Settings(Plain with { NameServer = true }, ["nameserver 10.0.0.1", "search a b", "options edns0"]).ShouldBe(["nameserver 127.0.0.11", "search a b", "options edns0 ndots:0"]);
        Settings(Plain with { NameServer = true, DnsOptions = ["ndots:3"] }, []).ShouldBe(["nameserver 127.0.0.11", "options ndots:3"]);
        var config = ResolverConfig.From(Plain with { Dns = ["10.9.9.9", "127.0.0.1"] }, []);
        config.Upstreams().Select(server => (server.Address, server.FromHost)).ShouldBe([("10.9.9.9", false), ("127.0.0.1", true)]);
        ResolverConfig.From(Plain, ["nameserver 127.0.0.53"]).Upstreams().ShouldHaveSingleItem().FromHost.ShouldBeTrue();
    }

    [Fact]
    public void Hosts_names_the_container_by_each_address()
    {
        var lines = ContainerFiles.Hosts(Plain).Split('\n');
        lines[0].ShouldBe("127.0.0.1\tlocalhost");
        lines.ShouldContain("172.17.0.2\tweb");
        lines.ShouldContain("fd00::2\tweb");
    }

    [Fact]
    public void A_domain_comes_before_the_short_name() => ContainerFiles.Hosts(Plain with { Domainname = "example.org" }).ShouldContain("172.17.0.2\tweb.example.org web\n");

    [Theory]
    [InlineData("db:10.0.0.5", "10.0.0.5\tdb")]
    [InlineData("db=10.0.0.5", "10.0.0.5\tdb")]
    [InlineData("six:fd00::9", "fd00::9\tsix")]
    [InlineData("six=[fd00::9]", "fd00::9\tsix")]
    [InlineData("host.docker.internal:host-gateway", "172.17.0.1\thost.docker.internal")]
    public void Hosts_that_are_added_are_there(string entry, string line) => ContainerFiles.Hosts(Plain with { ExtraHosts = [entry] }).Split('\n').ShouldContain(line);

    [Fact]
    public void Loopback_servers_of_the_host_are_left_out() =>
        Settings(Plain, ["nameserver 127.0.0.53", "nameserver ::1", "nameserver 10.0.0.1", "search a b", "options edns0"]).ShouldBe(["nameserver 10.0.0.1", "search a b", "options edns0"]);

    [Fact]
    public void Without_any_server_left_there_are_public_ones() => Settings(Plain, ["nameserver 127.0.0.53"]).ShouldBe(["nameserver 8.8.8.8", "nameserver 8.8.4.4"]);

    [Fact]
    public void What_the_user_says_replaces_what_the_host_has() =>
        Settings(Plain with { Dns = ["1.1.1.1"], DnsSearch = ["."], DnsOptions = ["ndots:2"] }, ["nameserver 10.0.0.1", "search a b", "options edns0"]).ShouldBe(["nameserver 1.1.1.1", "options ndots:2"]);

    [Fact]
    public void The_hosts_network_has_the_hosts_servers_those_on_the_loopback_too() =>
        ContainerFiles.ResolvConf(Plain with { HostNetwork = true }, ["nameserver 127.0.0.53", "search a", "# note"]).ShouldEndWith("\nnameserver 127.0.0.53\nsearch a\n\n# Based on host file: '/etc/resolv.conf'\n# Overrides: []\n");

    [Fact]
    public void Addresses_come_and_go_in_a_file_that_keeps_its_other_lines()
    {
        var directory = Directory.CreateTempSubdirectory("wharf-hosts-").FullName;
        try
        {
            ContainerFiles.Write(directory, Plain);
            File.AppendAllText(Path.Combine(directory, "hosts"), "1.2.3.4\tmine\n");
            var more = new EndpointSettings { IPAddress = "172.18.0.9" };
            ContainerFiles.AddHost(directory, more, "web", null);
            File.ReadAllText(Path.Combine(directory, "hosts")).ShouldEndWith("1.2.3.4\tmine\n172.18.0.9\tweb\n");
            ContainerFiles.RemoveHost(directory, more);
            File.ReadAllText(Path.Combine(directory, "hosts")).ShouldEndWith("172.17.0.2\tweb\nfd00::2\tweb\n1.2.3.4\tmine\n");
        }
        finally { Directory.Delete(directory, recursive: true); }
    }
}
