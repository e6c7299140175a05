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
        ContainerFiles.ResolvConf(Plain, ["nameserver 127.0.0.53", "nameserver ::1", "nameserver 10.0.0.1", "search a b", "options edns0"]).ShouldBe("nameserver 10.0.0.1\nsearch a b\noptions edns0\n");

    [Fact]
    public void Without_any_server_left_there_are_public_ones() => ContainerFiles.ResolvConf(Plain, ["nameserver 127.0.0.53"]).ShouldBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");

    [Fact]
    public void What_the_user_says_replaces_what_the_host_has() =>
        ContainerFiles.ResolvConf(Plain with { Dns = ["1.1.1.1"], DnsSearch = ["."], DnsOptions = ["ndots:2"] }, ["nameserver 10.0.0.1", "search a b", "options edns0"]).ShouldBe("nameserver 1.1.1.1\noptions ndots:2\n");

    [Fact]
    public void The_hosts_network_has_the_hosts_file_word_for_word() =>
        ContainerFiles.ResolvConf(Plain with { HostNetwork = true }, ["nameserver 127.0.0.53", "# note"]).ShouldBe("nameserver 127.0.0.53\n# note\n");

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
