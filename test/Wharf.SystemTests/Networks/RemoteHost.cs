using System.Security.Cryptography;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Networks;

/// <summary>Another machine on a cable of its own: a network namespace with addresses of both families, and this host as its router.</summary>
public sealed class RemoteHost : IAsyncDisposable
{
    private readonly string _name, _link;

    private RemoteHost(string name, string link, int net)
    {
        (_name, _link) = (name, link);
        (HostAddress, Address) = ($"10.213.{net}.1", $"10.213.{net}.2");
        (HostAddress6, Address6) = ($"fd13:{net:x}::1", $"fd13:{net:x}::2");
    }

    /// <summary>The namespace's name.</summary>
    public string Name => _name;
    /// <summary>This host's end of the cable.</summary>
    public string Link => _link;
    /// <summary>This host's address as the remote sees it, and the remote's own.</summary>
    public string HostAddress { get; }
    public string Address { get; }
    public string HostAddress6 { get; }
    public string Address6 { get; }

    public static async Task<RemoteHost> PlugInAsync()
    {
        int net = RandomNumberGenerator.GetInt32(1, 255);
        var remote = new RemoteHost($"wharf-remote-{net}", $"whr{net}", net);
        await remote.HostAsync("netns", "add", remote._name);
        await remote.HostAsync("link", "add", remote._link, "type", "veth", "peer", "name", "eth0", "netns", remote._name);
        await remote.HostAsync("address", "add", remote.HostAddress + "/24", "dev", remote._link);
        await remote.HostAsync("address", "add", remote.HostAddress6 + "/64", "dev", remote._link, "nodad");
        await remote.HostAsync("link", "set", remote._link, "up");
        await remote.InsideAsync("ip", "link", "set", "lo", "up");
        await remote.InsideAsync("ip", "address", "add", remote.Address + "/24", "dev", "eth0");
        await remote.InsideAsync("ip", "address", "add", remote.Address6 + "/64", "dev", "eth0", "nodad");
        await remote.InsideAsync("ip", "link", "set", "eth0", "up");
        await remote.InsideAsync("ip", "route", "add", "default", "via", remote.HostAddress);
        await remote.InsideAsync("ip", "-6", "route", "add", "default", "via", remote.HostAddress6);
        return remote;
    }

    private async Task HostAsync(params string[] args) => (await CommandResult.RunAsync("ip", args)).ShouldExit(0);
    private async Task InsideAsync(params string[] command) => (await RunAsync(command)).ShouldExit(0);

    /// <summary>Gives this host one more address on the cable.</summary>
    public Task AddHostAddressAsync(string address) => HostAsync("address", "add", address + "/24", "dev", _link);

    /// <summary>Runs a program on the remote host.</summary>
    public Task<CommandResult> RunAsync(params string[] command) => CommandResult.RunAsync("ip", ["netns", "exec", _name, .. command]);

    /// <summary>What a server says to a connection from the remote; empty when none comes about.</summary>
    public Task<string> AskAsync(string address, int port) => Ask.TcpAsync(["ip", "netns", "exec", _name], address, port);

    /// <summary>What a server says that is to answer the remote.</summary>
    public Task<string> AnswerAsync(string address, int port) => Ask.AnswerAsync(["ip", "netns", "exec", _name], address, port);

    public async ValueTask DisposeAsync()
    {
        await CommandResult.RunAsync("ip", ["link", "delete", _link]);
        await CommandResult.RunAsync("ip", ["netns", "delete", _name]);
    }
}

/// <summary>Clients of servers in containers.</summary>
public static class Ask
{
    /// <summary>Connects with busybox's nc and gives what comes back within two seconds.</summary>
    public static async Task<string> TcpAsync(string[] prefix, string address, int port, int seconds = 2)
    {
        string[] line = [.. prefix, "timeout", (2 * seconds).ToString(), "busybox", "nc", "-w", seconds.ToString(), address, port.ToString()];
        return (await CommandResult.RunAsync(line[0], line[1..], stdin: [])).Text;
    }

    public static Task<string> FromHostAsync(string address, int port) => TcpAsync([], address, port);

    /// <summary>What a server says that is to answer: asked again while nothing comes back, as it may have just been started. Empty when nothing ever came.</summary>
    public static Task<string> AnswerAsync(string address, int port) => AnswerAsync([], address, port);

    public static async Task<string> AnswerAsync(string[] prefix, string address, int port)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (await TcpAsync(prefix, address, port, seconds: 8) is var text && (text.Length > 0 || attempt == 40)) return text;
            await Task.Delay(100);
        }
    }
}
