using System.Net;
using System.Net.Sockets;
using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class PortHolderTests
{
    private static readonly IPAddress Container = IPAddress.Parse("172.17.0.2");
    private readonly PortHolder _ports = new(relaysAll: false, outside: null, id => id);

    private int Hold(string container, int port, string address = "127.0.0.1", string protocol = "tcp") => _ports.Hold(container, new PortMapping { HostAddress = address, HostPort = port, ContainerPort = 80, Protocol = protocol }, Container);

    [Fact]
    public void A_held_port_is_held_against_everyone()
    {
        int port = Hold("one", 0);
        Should.Throw<WharfException>(() => Hold("two", port)).Message.ShouldBe($"Bind for 127.0.0.1:{port} failed: port is already allocated by container one");
        Should.Throw<WharfException>(() => Hold("two", port, "0.0.0.0")).Message.ShouldContain("port is already allocated");
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Should.Throw<SocketException>(() => stranger.Bind(new IPEndPoint(IPAddress.Loopback, port)));
        Hold("two", port, protocol: "udp").ShouldBe(port);
        Hold("two", port, "127.0.0.2").ShouldBe(port);
    }

    [Fact]
    public void A_port_that_is_let_go_of_is_free()
    {
        int port = Hold("one", 0);
        _ports.Release("one");
        Hold("two", port).ShouldBe(port);
    }

    [Fact]
    public void Letting_go_of_all_leaves_alone_what_another_container_took_meanwhile()
    {
        int port = Hold("one", 0);
        _ports.Release(new PortMapping { HostAddress = "127.0.0.1", HostPort = port, Protocol = "tcp" });
        Hold("two", port);
        _ports.Release("one");
        Should.Throw<WharfException>(() => Hold("three", port)).Message.ShouldContain("port is already allocated");
    }

    [Fact]
    public void A_port_of_another_program_is_told_in_dockers_words()
    {
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        stranger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        stranger.Listen();
        int port = ((IPEndPoint)stranger.LocalEndPoint!).Port;
        Should.Throw<WharfException>(() => Hold("one", port)).Message.ShouldBe($"failed to bind host port for 127.0.0.1:{port}:172.17.0.2:80/tcp: address already in use by {File.ReadAllText("/proc/self/comm").Trim()} (process {Environment.ProcessId})");
    }

    [Fact]
    public void An_address_that_is_not_the_hosts_cannot_be_held() => Should.Throw<WharfException>(() => Hold("one", 80, "192.0.2.77")).Message.ShouldEndWith("cannot assign requested address");
}
