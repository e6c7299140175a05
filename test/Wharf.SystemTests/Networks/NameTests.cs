using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>The name server on 127.0.0.11, asked by dig, busybox and glibc.</summary>
public sealed class NameTests(EngineFixture engine)
{
    [Fact]
    public async Task Names_aliases_short_ids_and_host_names_lead_to_a_container()
    {
        await using var net = await Net.CreateAsync(engine);
        var web = await net.RunAsync(["--name", net.Named("web"), "--hostname", "hosty", "--network-alias", "www"]);
        var db = await net.RunAsync(["--name", net.Named("db")]);
        var address = await Look.AddressAsync(engine, web, net.Name);
        foreach (var name in new[] { net.Named("web"), "www", "WWW", web[..12], "hosty", $"www.{net.Name}" }) (await Look.DigAsync(engine, db, name)).ShouldBe([address], name);
        (await Look.DigAsync(engine, db, "+tcp", "www")).ShouldBe([address]);
        (await Look.DigAsync(engine, db, "+noedns", "www")).ShouldBe([address]);
        (await Look.DigAsync(engine, db, "-x", address)).ShouldBe([$"{net.Named("web")}.{net.Name}."]);
        (await Look.StatusAsync(engine, db, "www", "AAAA")).ShouldBe("NOERROR");
        (await engine.DockerAsync("exec", db, "nslookup", "www")).ShouldExit(0).Out.ShouldContain(address);
        (await engine.DockerAsync("exec", db, "ping", "-c", "1", "-W", "2", "www")).ShouldExit(0);
    }

    [Fact]
    public async Task Glibc_finds_names_through_the_containers_resolver_file()
    {
        await using var net = await Net.CreateAsync(engine);
        var web = await net.RunAsync(["--network-alias", "glibc-web"]);
        var address = await Look.AddressAsync(engine, web, net.Name);
        var file = await Look.AtAsync(engine, web, "{{.ResolvConfPath}}");
        var found = await Look.InNetworkOfAsync(engine, web, "unshare", "-m", "sh", "-c", $"mount --bind {file} /etc/resolv.conf && getent ahostsv4 glibc-web");
        found.ShouldExit(0).Out.ShouldContain(address);
    }

    [Fact]
    public async Task One_alias_of_several_containers_gives_all_and_those_that_stop_go()
    {
        await using var net = await Net.CreateAsync(engine);
        var one = await net.RunAsync(["--network-alias", "all"]);
        var two = await net.RunAsync(["--network-alias", "all"]);
        string[] addresses = [await Look.AddressAsync(engine, one, net.Name), await Look.AddressAsync(engine, two, net.Name)];
        (await Look.DigAsync(engine, one, "all")).ShouldBe(addresses.Order());
        (await engine.DockerAsync("stop", "-t", "0", two)).ShouldExit(0);
        (await Look.DigAsync(engine, one, "all")).ShouldBe([addresses[0]]);
    }

    [Fact]
    public async Task Names_come_and_go_with_connect_rename_and_disconnect()
    {
        await using var net = await Net.CreateAsync(engine);
        var asking = await net.RunAsync([]);
        var late = await net.RunDetachedAsync(["--name", net.Named("late")]);
        (await engine.DockerAsync("network", "connect", "--alias", "joined", net.Name, late)).ShouldExit(0);
        var address = await Look.AddressAsync(engine, late, net.Name);
        (await Look.DigAsync(engine, asking, "joined")).ShouldBe([address]);
        (await Look.DigAsync(engine, late, net.Named("late"))).ShouldBe([address], "a container that came from the default bridge has the name server too");
        (await engine.DockerAsync("exec", late, "cat", "/etc/resolv.conf")).ShouldExit(0).Out.ShouldContain("nameserver 127.0.0.11");
        (await engine.DockerAsync("rename", late, net.Named("renamed"))).ShouldExit(0);
        (await Look.DigAsync(engine, asking, net.Named("renamed"))).ShouldBe([address]);
        (await engine.DockerAsync("network", "disconnect", net.Name, late)).ShouldExit(0);
        (await Look.DigAsync(engine, asking, "joined")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_link_is_a_name_for_one_container_alone()
    {
        await using var net = await Net.CreateAsync(engine);
        var target = await net.RunAsync(["--name", net.Named("target")]);
        var linked = await net.RunAsync(["--link", $"{net.Named("target")}:storage"]);
        (await Look.DigAsync(engine, linked, "storage")).ShouldBe([await Look.AddressAsync(engine, target, net.Name)]);
        (await Look.DigAsync(engine, target, "storage")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_link_names_the_other_on_the_links_own_network()
    {
        await using var second = await Net.CreateAsync(engine);
        await using var first = await Net.CreateAsync(engine); // its containers are on both, and go first
        var target = await first.RunAsync(["--name", first.Named("target")]);
        var linked = await first.RunAsync([]);
        (await engine.DockerAsync("network", "connect", second.Name, target)).ShouldExit(0);
        (await engine.DockerAsync("network", "connect", "--link", $"{first.Named("target")}:storage", second.Name, linked)).ShouldExit(0);
        (await Look.DigAsync(engine, linked, "storage")).ShouldBe([await Look.AddressAsync(engine, target, second.Name)]);
    }

    [Fact]
    public async Task Links_on_the_default_bridge_are_lines_and_variables()
    {
        await using var net = await Net.CreateAsync(engine);
        var target = await net.RunDetachedAsync(["--name", net.Named("old"), "--expose", "80", "-e", "COLOUR=red"]);
        var linked = await net.RunDetachedAsync(["--link", $"{net.Named("old")}:li"]);
        var address = await Look.AddressAsync(engine, target, "bridge");
        (await engine.DockerAsync("exec", linked, "cat", "/etc/hosts")).Out.ShouldContain($"{address}\tli {target[..12]} {net.Named("old")}\n");
        var variables = (await engine.DockerAsync("exec", linked, "env")).Out.Split('\n');
        variables.ShouldContain($"LI_PORT_80_TCP_ADDR={address}");
        variables.ShouldContain("LI_ENV_COLOUR=red");
        (await engine.DockerAsync("stop", "-t", "0", linked, target)).ShouldExit(0);
        (await engine.DockerAsync("start", linked)).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Nothing_asked_on_an_internal_network_leaves_the_machine()
    {
        await using var net = await Net.CreateAsync(engine, "--internal");
        var inside = await net.RunAsync(["--network-alias", "me"]);
        (await Look.StatusAsync(engine, inside, "example.com")).ShouldBe("SERVFAIL");
        (await Look.DigAsync(engine, inside, "me")).ShouldBe([await Look.AddressAsync(engine, inside, net.Name)]);
    }

    [Fact]
    public async Task A_container_may_serve_port_53_itself()
    {
        await using var net = await Net.CreateAsync(engine);
        var server = await net.RunAsync(["--network-alias", "dns"], "nc", "-ll", "-p", "53", "-e", "echo", "mine");
        var asking = await net.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", asking, "nc", "-w", "2", "dns", "53")).Text.ShouldBe("mine");
        (await Look.DigAsync(engine, server, "dns")).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Servers_that_are_silent_or_wrong_do_not_add_up()
    {
        await using var net = await Net.CreateAsync(engine);
        Assert.SkipUnless(engine.IsWharf, "real docker waits for each in turn, and gives up");
        // Nobody answers at the first two.
        var server = await net.RunAsync([]);
        var address = await Look.AddressAsync(engine, server, net.Name);
        await using var dns = await DnsServer.StartAsync(engine, server, "53", address);
        var asking = await net.RunAsync(["--dns", Silent(200), "--dns", Silent(201), "--dns", address]);
        string Silent(int last) => address[..(address.LastIndexOf('.') + 1)] + last;
        var begun = System.Diagnostics.Stopwatch.StartNew();
        (await Look.DigAsync(engine, asking, "+time=15", DnsServer.Name)).ShouldBe([DnsServer.Answer]);
        if (engine.IsWharf) begun.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(3));
        (await Look.DigAsync(engine, asking, "+tcp", "+time=15", DnsServer.Name)).ShouldBe([DnsServer.Answer]);
    }
}
