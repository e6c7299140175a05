using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Wharf.Linux.DBus;

namespace Wharf.Engine.Networks;

/// <summary>
/// A host whose firewall is firewalld: its own rules turn away what it knows no zone for. Bridges are put into a zone of docker's name, which
/// accepts, and a policy lets packets for it pass, as dockerd does it; what containers may be reached at our own table decides.
/// </summary>
internal sealed class Firewalld : IDisposable
{
    private const string Service = "org.fedoraproject.FirewallD1", Place = "/org/fedoraproject/FirewallD1", Config = Service + ".config", ZoneInterface = Service + ".zone";
    private const string Zone = "docker", Policy = "docker-forwarding", Bus = "org.freedesktop.DBus", BusPlace = "/org/freedesktop/DBus";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ILogger _log;
    private readonly DBusConnection _signals;

    private Firewalld(ILogger log, DBusConnection signals) => (_log, _signals) = (log, signals);

    /// <summary>Null where no firewalld runs. The zone and the policy are there afterwards.</summary>
    public static Firewalld? Open(ILogger log)
    {
        if (!File.Exists(DBusConnection.SystemBus)) return null;
        DBusConnection? signals = null;
        try
        {
            using (var connection = Connect(Patience))
            {
                if (connection.Call(Bus, BusPlace, Bus, "NameHasOwner", "s", body => body.Text(Service)).Body is not [1, ..]) return null;
                EnsureZone(connection);
            }
            signals = Connect(TimeSpan.Zero);
            signals.Match($"type='signal',interface='{Service}',member='Reloaded'");
            signals.Match($"type='signal',sender='{Bus}',member='NameOwnerChanged',arg0='{Service}'");
            return new Firewalld(log, signals);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            signals?.Dispose();
            log.FirewalldFailed(error);
            return null;
        }
    }

    private static DBusConnection Connect(TimeSpan patience) => DBusConnection.Open(DBusConnection.SystemBus, bus: true, patience);

    private static void EnsureZone(DBusConnection connection)
    {
        bool made = Make(connection, "addZone2", Zone, []);
        made |= Make(connection, "addPolicy", Policy, [("ingress_zones", "ANY"), ("egress_zones", Zone)]);
        if (made) connection.Call(Service, Place, Service, "reload", "", _ => { });
    }

    /// <summary>False where there is one of that name.</summary>
    private static bool Make(DBusConnection connection, string method, string name, (string Key, string Value)[] lists)
    {
        try
        {
            connection.Call(Service, Place + "/config", Config, method, "sa{sv}", body =>
            {
                body.Text(name);
                body.Array(8, () =>
                {
                    foreach (var (key, value) in (ReadOnlySpan<(string, string)>)[("version", "1.0"), ("short", name), ("description", "Networks of containers"), ("target", "ACCEPT")])
                    {
                        body.Align(8);
                        body.Text(key);
                        body.Signature("s");
                        body.Text(value);
                    }
                    foreach (var (key, value) in lists)
                    {
                        body.Align(8);
                        body.Text(key);
                        body.Signature("as");
                        body.Array(4, () => body.Text(value));
                    }
                });
            });
            return true;
        }
        catch (DBusException error) when (error.Message.StartsWith("NAME_CONFLICT", StringComparison.Ordinal)) { return false; }
    }

    /// <summary>Puts bridges into the zone. What firewalld says against it is logged: the network is there without it.</summary>
    public void Add(IEnumerable<string> bridges) => Try(connection =>
    {
        foreach (var bridge in bridges) connection.Call(Service, Place, ZoneInterface, "changeZoneOfInterface", "ss", body => Write(body, bridge));
    });

    public void Remove(string bridge) => Try(connection =>
    {
        try { connection.Call(Service, Place, ZoneInterface, "removeInterface", "ss", body => Write(body, bridge)); }
        catch (DBusException error) when (error.Message.StartsWith("UNKNOWN_INTERFACE", StringComparison.Ordinal)) { /* it has lost it itself */ }
    });

    private static void Write(DBusWriter body, string bridge)
    {
        body.Text(Zone);
        body.Text(bridge);
    }

    private void Try(Action<DBusConnection> call)
    {
        try
        {
            using var connection = Connect(Patience);
            call(connection);
        }
        catch (Exception error) when (error is IOException or SocketException) { _log.FirewalldFailed(error); }
    }

    /// <summary>Interfaces of a zone are forgotten when firewalld reads its files again, or is started anew: <paramref name="bridges"/> are put there again.</summary>
    public void Watch(Func<IEnumerable<string>> bridges, CancellationToken cancellation)
    {
        var thread = new Thread(() =>
        {
            try
            {
                while (!cancellation.IsCancellationRequested)
                {
                    var signal = _signals.NextSignal();
                    // The last of its texts is the new owner: none when firewalld ends.
                    if (signal.Member == "Reloaded" || signal.Member == "NameOwnerChanged" && signal.Texts() is [Service, _, { Length: > 0 }]) Add(bridges());
                }
            }
            catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
            {
                if (!cancellation.IsCancellationRequested) _log.FirewalldFailed(error);
            }
        }, maxStackSize: 256 << 10) { IsBackground = true, Name = "firewalld" };
        thread.Start();
    }

    public void Dispose() => _signals.Dispose();
}
