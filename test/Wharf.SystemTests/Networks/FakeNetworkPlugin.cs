using System.Diagnostics;
using System.Text.Json.Nodes;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Networks;

/// <summary>A network driver and IPAM driver in one plugin: veth pairs that lead nowhere, addresses one after the other.</summary>
public sealed class FakeNetworkPlugin : FakePlugin
{
    private readonly string _net;
    private int _last = 10;

    /// <param name="net">The first three numbers of its subnet, a /24.</param>
    public FakeNetworkPlugin(string name, string net) : base(name)
    {
        _net = net;
        Serve();
    }

    /// <summary>The method, without its driver's name, that fails.</summary>
    public string Refuses { get; set; } = "";

    /// <summary>The method that gives no answer while this is set.</summary>
    public string Hangs { get; set; } = "";

    /// <summary>Names of methods that were called, in order, without the driver's.</summary>
    public IEnumerable<string> Methods => Calls.Select(call => call.Split(' ')[0].Split('.')[^1]);

    protected override JsonObject Answer(string method, JsonNode? body)
    {
        while (Hangs.Length > 0 && method.EndsWith("." + Hangs, StringComparison.Ordinal)) Thread.Sleep(20);
        if (Refuses.Length > 0 && method.EndsWith("." + Refuses, StringComparison.Ordinal)) return new JsonObject { ["Err"] = "not today", ["Error"] = "not today" };
        switch (method)
        {
            case "/Plugin.Activate": return new JsonObject { ["Implements"] = new JsonArray("NetworkDriver", "IpamDriver") };
            case "/NetworkDriver.GetCapabilities": return new JsonObject { ["Scope"] = "local", ["ConnectivityScope"] = "local" };
            case "/IpamDriver.GetCapabilities": return new JsonObject { ["RequiresMACAddress"] = true, ["RequiresRequestReplay"] = true };
            case "/IpamDriver.GetDefaultAddressSpaces": return new JsonObject { ["LocalDefaultAddressSpace"] = "here", ["GlobalDefaultAddressSpace"] = "there" };
            case "/IpamDriver.RequestPool": return new JsonObject { ["PoolID"] = "the-pool", ["Pool"] = body?["Pool"]?.ToString() is { Length: > 0 } pool ? pool : _net + ".0/24", ["Data"] = new JsonObject() };
            case "/IpamDriver.RequestAddress":
                bool gateway = body?["Options"]?["RequestAddressType"]?.ToString() == "com.docker.network.gateway";
                return new JsonObject { ["Address"] = (body?["Address"]?.ToString() is { Length: > 0 } asked ? asked : gateway ? _net + ".1" : $"{_net}.{++_last}") + "/24" };
            case "/NetworkDriver.CreateEndpoint":
                Link("add", Name + "a", "type", "veth", "peer", "name", Name + "b");
                return new JsonObject { ["Interface"] = new JsonObject() };
            case "/NetworkDriver.Join":
                return new JsonObject
                {
                    ["InterfaceName"] = new JsonObject { ["SrcName"] = Name + "a", ["DstPrefix"] = "plug" }, ["Gateway"] = _net + ".1",
                    ["StaticRoutes"] = new JsonArray(new JsonObject { ["Destination"] = "10.213.0.0/16", ["RouteType"] = 0, ["NextHop"] = _net + ".2" }, new JsonObject { ["Destination"] = "10.214.0.0/16", ["RouteType"] = 1 }),
                };
            case "/NetworkDriver.DeleteEndpoint":
                Link("delete", Name + "b");
                return [];
            default: return [];
        }
    }

    private static void Link(params string[] words)
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", ["link", .. words]) { RedirectStandardError = true })!;
        ip.WaitForExit();
    }

    public override void Dispose()
    {
        Link("delete", Name + "b");
        base.Dispose();
    }
}
