using Wharf.Linux.Fds;
using Wharf.Linux.Netlink;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>
/// The host's network interfaces that a container is given (config-linux.md, "Network Devices"). Looked up in the host's namespace, where the
/// object is made; moved once the container's is there, with the addresses they have.
/// </summary>
internal sealed class NetDevices : IDisposable
{
    private const int LongestName = 15;

    private readonly RouteNetlink _host = new();
    private readonly List<(int Index, string Name, List<(System.Net.IPAddress, int)> Addresses)> _devices = [];

    public NetDevices(LinuxSpec linux)
    {
        foreach (var (name, device) in linux.NetDevices!)
        {
            if (RouteNetlink.IndexOf(name) is not { } index) throw WharfException.Invalid($"linux.netDevices: no network device \"{name}\" on the host");
            _devices.Add((index, device.Name is { Length: > 0 } other ? other : name, _host.AddressesOf(index)));
        }
    }

    public static void Check(LinuxSpec linux)
    {
        if (linux.NetDevices is not { Count: > 0 } devices) return;
        if (linux.Namespaces?.Any(ns => ns.Type == "network") != true) throw WharfException.Invalid("unable to move network devices without a private NET namespace");
        foreach (var name in devices.Keys.Concat(devices.Values.Select(device => device.Name).OfType<string>().Where(name => name.Length > 0)))
            if (name.Length is 0 or > LongestName || name is "." or ".." || name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c))) throw WharfException.Invalid($"invalid network device name \"{name}\"");
    }

    /// <summary>Moves all into the network namespace that the calling thread is in.</summary>
    public void MoveHere()
    {
        using var here = OpenAt.Open("/proc/thread-self/ns/net", O.RDONLY);
        using var inside = new RouteNetlink();
        foreach (var (hostIndex, name, addresses) in _devices)
        {
            _host.Do(RouteRequest.Move(hostIndex, name, here));
            int index = RouteNetlink.IndexOf(name) ?? throw WharfException.Invalid($"linux.netDevices: \"{name}\" has not arrived in the container's network namespace");
            foreach (var (address, length) in addresses) inside.Do(RouteRequest.AddAddress(index, address, length));
            inside.Do(RouteRequest.SetUp(index));
        }
    }

    public void Dispose() => _host.Dispose();
}
