using System.Net;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public sealed class OutsidePortsTests : IDisposable
{
    private const string Entry = """{"id":7,"proto":"tcp","host_addr":"127.0.0.1","host_port":8080,"guest_addr":"10.0.2.100","guest_port":8080}""";

    private readonly string _state = Directory.CreateTempSubdirectory("wharf-outside-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<string> _asked = [];

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_state, recursive: true);
    }

    // In slirp4netns's place: one answer a connection, in this order.
    private OutsidePorts Answering(params string[] answers)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_state, "slirp.sock")));
        _listener.Listen();
        _ = Task.Run(() =>
        {
            foreach (var answer in answers)
            {
                using var client = _listener.Accept();
                var buffer = new byte[4096];
                int length = 0;
                for (int count; (count = client.Receive(buffer.AsSpan(length))) > 0;) length += count;
                _asked.Add(Encoding.UTF8.GetString(buffer, 0, length));
                client.Send(Encoding.UTF8.GetBytes(answer));
            }
        });
        return new OutsidePorts(_state);
    }

    private static long Listen(OutsidePorts ports, int local = 8080, int port = 8080) => ports.Listen("tcp", IPAddress.Loopback, port, local, "127.0.0.1:8080");

    [Fact]
    public void A_port_is_asked_for_and_given_up_by_its_number()
    {
        var ports = Answering("""{"return":{"entries":[]}}""", """{"return":{"id":3}}""", """{"return":{}}""");
        Listen(ports, local: 9).ShouldBe(3);
        ports.Remove(3);
        _asked.ShouldBe(["""{"execute":"list_hostfwd"}""", """{"execute":"add_hostfwd","arguments":{"proto":"tcp","host_addr":"127.0.0.1","host_port":8080,"guest_addr":"10.0.2.100","guest_port":9}}""", """{"execute":"remove_hostfwd","arguments":{"id":3}}"""]);
    }

    [Theory]
    [InlineData("""{"return":{"entries":[ENTRY]}}""")] // as its manual says
    [InlineData("""{"entries":[ENTRY]}""")] // as version 1.2 does
    public void One_that_a_former_daemon_left_is_taken_over(string list) => Listen(Answering(list.Replace("ENTRY", Entry))).ShouldBe(7);

    [Fact]
    public void One_that_leads_elsewhere_is_replaced()
    {
        Listen(Answering($$"""{"entries":[{{Entry}}]}""", """{"return":{}}""", """{"return":{"id":8}}"""), local: 9).ShouldBe(8);
        _asked[1].ShouldBe("""{"execute":"remove_hostfwd","arguments":{"id":7}}""");
    }

    [Theory]
    [InlineData(8080, "failed to bind host port for 127.0.0.1:8080: address already in use")]
    [InlineData(80, "permission denied")]
    public void A_refusal_is_told_in_dockers_words(int port, string words) =>
        Should.Throw<WharfException>(() => Listen(Answering("""{"entries":[]}""", """{"error":{"desc":"bad request: add_hostfwd: slirp_add_hostfwd failed"}}"""), port: port)).Message.ShouldContain(words);

    [Theory]
    [InlineData("")]
    [InlineData("no JSON")]
    public void An_answer_that_is_none_is_an_error(string answer) => Should.Throw<WharfException>(() => Listen(Answering(answer))).Message.ShouldContain("does not answer");

    [Fact]
    public void Other_protocols_are_refused() => Should.Throw<WharfException>(() => new OutsidePorts(_state).Listen("sctp", IPAddress.Any, 1, 1, "x")).Message.ShouldContain("protocol not supported");
}
