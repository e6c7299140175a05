using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Containers in the network of another, and those that name their networks in ways that old clients do.</summary>
public sealed class SharedNetworkTests(EngineFixture engine)
{
    private async Task<string[]> InterfacesAsync(string container) => (await engine.DockerAsync("exec", container, "ls", "/sys/class/net")).ShouldExit(0).Text.Split('\n', StringSplitOptions.TrimEntries);

    [Fact]
    public async Task Who_shares_a_network_loses_it_with_its_owner_and_has_the_files_of_the_first()
    {
        await using var net = await Net.CreateAsync(engine);
        var owner = await net.RunAsync(["--hostname", "first"]);
        var sharer = await net.RunDetachedAsync(["--network", $"container:{owner}"]);
        var next = await net.RunDetachedAsync(["--network", $"container:{sharer}"]);
        (await InterfacesAsync(next)).ShouldBe(["eth0", "lo"]);
        (await engine.DockerAsync("exec", next, "cat", "/etc/hostname")).ShouldExit(0).Text.ShouldBe("first");
        (await engine.DockerAsync("restart", "-t", "0", owner)).ShouldExit(0);
        // Else two would answer for the address that the owner has again.
        (await InterfacesAsync(sharer)).ShouldBe(["lo"]);
        (await InterfacesAsync(next)).ShouldBe(["lo"]);
        (await InterfacesAsync(owner)).ShouldBe(["eth0", "lo"]);
        (await engine.DockerAsync("restart", "-t", "0", sharer)).ShouldExit(0);
        (await InterfacesAsync(sharer)).ShouldBe(["eth0", "lo"]);
    }

    [Fact]
    public async Task A_container_is_on_the_networks_that_its_endpoints_name_and_on_no_other()
    {
        await using var net = await Net.CreateAsync(engine);
        using var api = new EngineApi(engine.SocketPath);
        var network = (await api.GetAsync($"/networks/{net.Name}")).Json["Id"]!.GetValue<string>();
        foreach (var (mode, key) in new[] { ("default", net.Name), (net.Name, network), (network, net.Name), (network, network) })
        {
            var made = await api.PostAsync("/containers/create", """{"Image":"busybox","Cmd":["sleep","100"],"HostConfig":{"NetworkMode":"MODE"},"NetworkingConfig":{"EndpointsConfig":{"KEY":{"Aliases":["x"]}}}}"""
                .Replace("MODE", mode, StringComparison.Ordinal).Replace("KEY", key, StringComparison.Ordinal));
            made.Status.ShouldBe(201, made.Text);
            var id = made.Json["Id"]!.GetValue<string>();
            try
            {
                (await api.PostAsync($"/containers/{id}/start")).Status.ShouldBe(204, $"{mode} {key}");
                (await api.GetAsync($"/containers/{id}/json")).Json["NetworkSettings"]!["Networks"]!.AsObject().Select(one => one.Key).ShouldBe([net.Name], $"{mode} {key}");
                (await InterfacesAsync(id)).ShouldBe(["eth0", "lo"]);
            }
            finally { await api.DeleteAsync($"/containers/{id}?force=1"); }
        }
    }

    [Fact]
    public async Task Older_clients_find_a_containers_short_id_and_host_name_among_its_aliases()
    {
        await using var net = await Net.CreateAsync(engine);
        var id = await net.RunAsync(["--hostname", "hosty", "--network-alias", "www"]);
        foreach (var (version, expected) in new[] { ("1.44", new[] { "www", id[..12], "hosty" }), ("1.45", ["www"]) })
            AliasesIn(JsonNode.Parse((await CommandResult.RunAsync("curl", ["-s", "--unix-socket", engine.SocketPath, $"http://docker/v{version}/containers/{id}/json"])).Out)!).ShouldBe(expected);

        string[] AliasesIn(JsonNode container) => [.. container["NetworkSettings"]!["Networks"]![net.Name]!["Aliases"]!.AsArray().Select(alias => alias!.GetValue<string>())];
    }

    [Fact]
    public async Task A_tunnel_that_a_container_makes_may_have_IPv6()
    {
        await using var net = await Net.CreateAsync(engine);
        var container = await net.RunAsync([]);
        (await Look.InNetworkOfAsync(engine, container, "sysctl", "-n", "net.ipv6.conf.eth0.disable_ipv6", "net.ipv6.conf.default.disable_ipv6")).ShouldExit(0).Text.Split('\n').ShouldBe(["1", "0"]);
    }
}
