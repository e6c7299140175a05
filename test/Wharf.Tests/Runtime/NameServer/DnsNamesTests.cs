using Shouldly;
using Wharf.Runtime.NameServer;
using Wharf.Specs.Shim;
using Xunit;

namespace Wharf.Tests.Runtime.NameServer;

public class DnsNamesTests
{
    private readonly DnsNames _names = new();
    private readonly List<DnsHost> _found = [];

    public DnsNamesTests()
    {
        Set("c1", [On("n1", "one", "10.1.0.2", "web", "both")]);
        Set("c2", [On("n1", "one", "10.1.0.3", "db", "both"), On("n2", "two", "10.2.0.3", "db")]);
        Set("c3", [On("n2", "two", "10.2.0.4", "Cache")]);
    }

    private static DnsEndpoint On(string id, string network, string address, params string[] names) => new() { NetworkId = id, NetworkName = network, Names = [.. names], IPv4 = address };
    private void Set(string id, List<DnsEndpoint> endpoints) => _names.Set(new DnsContainer { Id = id, Endpoints = endpoints, Resolver = new DnsResolver() });
    private string[] Find(string asking, string name) => _names.TryFind(asking, name, _found) ? [.. _found.Select(host => host.ContainerId).Order()] : [];

    [Fact]
    public void A_name_is_found_on_the_networks_of_who_asks_only()
    {
        Find("c1", "db").ShouldBe(["c2"]);
        Find("c1", "cache").ShouldBeEmpty();
        Find("c3", "cache").ShouldBe(["c3"]);
        Find("stranger", "db").ShouldBeEmpty();
    }

    [Fact]
    public void A_link_is_of_its_network_alone()
    {
        Set("c5", [On("n1", "one", "10.1.0.6", "app"), On("n2", "two", "10.2.0.6", "app") with { Links = new() { ["storage"] = "db" } }]);
        Find("c5", "storage").ShouldBe(["c2"]);
        _found.ShouldHaveSingleItem().NetworkName.ShouldBe("two");
    }

    [Fact]
    public void An_alias_of_several_gives_all() => Find("c1", "both").ShouldBe(["c1", "c2"]);

    [Fact]
    public void The_networks_name_may_stand_behind()
    {
        Find("c1", "db.one").ShouldBe(["c2"]);
        Find("c1", "db.two").ShouldBeEmpty();
        Find("c2", "cache.two").ShouldBe(["c3"]);
    }

    [Fact]
    public void A_link_is_known_to_one_container_only()
    {
        Set("c4", [On("n1", "one", "10.1.0.5", "app") with { Links = new() { ["storage"] = "db" } }]);
        Find("c4", "storage").ShouldBe(["c2"]);
        Find("c4", "storage.one").ShouldBe(["c2"]);
        Find("c1", "storage").ShouldBeEmpty();
    }

    [Fact]
    public void New_names_take_the_place_of_old_ones_and_an_end_takes_all()
    {
        Set("c2", [On("n1", "one", "10.1.0.3", "renamed")]);
        Find("c1", "db").ShouldBeEmpty();
        Find("c1", "renamed").ShouldBe(["c2"]);
        Find("c1", "both").ShouldBe(["c1"]);
        Find("c3", "db").ShouldBeEmpty();
        _names.Remove("c2");
        Find("c1", "renamed").ShouldBeEmpty();
        _names.FindAddress("c1", "3.0.1.10.in-addr.arpa").ShouldBeNull();
    }

    [Fact]
    public void An_address_leads_back_to_the_name()
    {
        _names.FindAddress("c1", "3.0.1.10.in-addr.arpa").ShouldNotBeNull().Name.ShouldBe("db");
        _names.FindAddress("c1", "4.0.2.10.in-addr.arpa").ShouldBeNull("it is on a network that c1 is not on");
    }

    [Theory]
    [InlineData("1.0.0.127.in-addr.arpa", true)]
    [InlineData("0.0.127.in-addr.arpa", false)]
    [InlineData("1.2.3.4.5.in-addr.arpa", false)]
    [InlineData("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", true)]
    [InlineData("11.0.ip6.arpa", false)]
    [InlineData("example.org", false)]
    public void Only_whole_addresses_are_read(string name, bool whole) => DnsNames.TryReverse(name, out _).ShouldBe(whole);
}
