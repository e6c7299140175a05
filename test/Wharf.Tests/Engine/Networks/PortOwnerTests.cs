using System.Net;
using System.Net.Sockets;
using Shouldly;
using Wharf.Engine.Networks;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class PortOwnerTests
{
    private static readonly string[] Table =
    [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0",
        "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 20 4 30 10 -1",
        "   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 100 0 0 10 0",
        "cut",
    ];

    [Fact]
    public void Only_listening_sockets_of_the_port_count() => PortOwner.InodesOf(Table, 8080, "0A").ShouldBe(["111"]);

    [Fact]
    public void A_port_of_this_process_is_this_processs()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        PortOwner.Find(((IPEndPoint)socket.LocalEndPoint!).Port, "udp")!.ShouldEndWith($"(process {Environment.ProcessId})");
        PortOwner.Find(((IPEndPoint)socket.LocalEndPoint!).Port, "tcp").ShouldBeNull();
    }
}
