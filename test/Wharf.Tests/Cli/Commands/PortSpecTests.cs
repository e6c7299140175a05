using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Commands;

/// <summary>Published ports, as typed and as shown.</summary>
public sealed class PortSpecTests
{
    [Theory]
    [InlineData("80", "80/tcp||")]
    [InlineData("8080:80", "80/tcp||8080")]
    [InlineData("127.0.0.1:8080:80/udp", "80/udp|127.0.0.1|8080")]
    [InlineData("127.0.0.1::80", "80/tcp|127.0.0.1|")]
    [InlineData("[::1]:8080:80", "80/tcp|::1|8080")]
    [InlineData("8080-8081:80-81", "80/tcp||8080 81/tcp||8081")]
    [InlineData("8080-8090:80", "80/tcp||8080-8090")]
    [InlineData("90-91", "90/tcp|| 91/tcp||")]
    [InlineData("target=80,published=8080,protocol=udp", "80/udp||8080")]
    public void Ports_are_read(string text, string expected)
        => string.Join(' ', PortSpec.Parse(text).Select(port => $"{port.Port}|{port.HostIp}|{port.HostPort}")).ShouldBe(expected);

    [Theory]
    [InlineData("foo", "invalid containerPort: foo")]
    [InlineData("80:foo", "invalid containerPort: foo")]
    [InlineData("99999:80", "invalid hostPort: 99999")]
    [InlineData("80-81:80-85", "invalid ranges specified for container and host Ports: 80-85 and 80-81")]
    [InlineData("1.2.3:80:80", "invalid IP address: 1.2.3")]
    [InlineData("80:80/foo", "invalid proto: foo")]
    public void What_is_no_port_is_refused_in_dockers_words(string text, string message)
    {
        var error = Should.Throw<CliException>(() => PortSpec.Parse(text).ToList());
        error.Message.ShouldBe(message);
        error.ExitCode.ShouldBe(125);
    }

    [Theory]
    [InlineData("x", "strconv.ParseUint: parsing \"x\": invalid syntax")]
    [InlineData("5-", "strconv.ParseUint: parsing \"\": invalid syntax")]
    [InlineData("100-90", "invalid range specified for port: 100-90")]
    public void What_cannot_be_exposed_is_refused_in_dockers_words(string text, string why)
        => Should.Throw<CliException>(() => PortSpec.ParseExposed(text).ToList()).Message.ShouldBe($"invalid range format for --expose: {text}, error: {why}");

    [Fact]
    public void A_published_port_is_exposed_too()
    {
        var (exposed, bindings) = PortSpec.Build(["8080:80", "127.0.0.1:8081:80"], ["90-91/udp"]);
        exposed.Keys.ShouldBe(["80/tcp", "90/udp", "91/udp"]);
        bindings["80/tcp"]!.Select(binding => binding.HostPort).ShouldBe(["8080", "8081"]);
    }

    [Fact]
    public void Neighbouring_ports_show_as_a_range_before_those_that_change_number() => PortList.Display(
    [
        new PortSummary { IP = "127.0.0.1", PrivatePort = 80, PublicPort = 8080, Type = "tcp" },
        new PortSummary { IP = "0.0.0.0", PrivatePort = 90, PublicPort = 90, Type = "udp" },
        new PortSummary { IP = "0.0.0.0", PrivatePort = 91, PublicPort = 91, Type = "udp" },
        new PortSummary { PrivatePort = 100, Type = "tcp" },
        new PortSummary { PrivatePort = 101, Type = "tcp" },
    ]).ShouldBe("0.0.0.0:90-91->90-91/udp, 100-101/tcp, 127.0.0.1:8080->80/tcp");
}
