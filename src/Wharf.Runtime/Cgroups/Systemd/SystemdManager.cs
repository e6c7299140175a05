using System.Globalization;
using Wharf.Linux.DBus;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>The few methods of org.freedesktop.systemd1.Manager that a scope needs.</summary>
internal sealed class SystemdManager : IDisposable
{
    private const string Service = "org.freedesktop.systemd1", Path = "/org/freedesktop/systemd1", Manager = "org.freedesktop.systemd1.Manager";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DBusConnection _connection = SystemdBus.Open(Patience);
    private bool _subscribed;

    /// <summary>The leading number of systemd's version: 252 of <c>252.38-1~deb12u1</c>.</summary>
    public int Version
    {
        get
        {
            var reply = _connection.Call(Service, Path, "org.freedesktop.DBus.Properties", "Get", "ss", body =>
            {
                body.Text(Manager);
                body.Text("Version");
            });
            var digits = new string([.. reply.VariantText().TrimStart('v').TakeWhile(char.IsAsciiDigit)]);
            return int.TryParse(digits, CultureInfo.InvariantCulture, out int version) ? version : 0;
        }
    }

    /// <summary>Starts a transient unit and waits until its job has ended.</summary>
    public void StartTransient(string unit, IReadOnlyList<UnitProperty> properties)
    {
        Subscribe();
        bool again = true;
        while (true)
        {
            try
            {
                var reply = _connection.Call(Service, Path, Manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", body =>
                {
                    body.Text(unit);
                    body.Text("replace");
                    UnitProperty.WriteAll(body, properties);
                    body.Array(8, () => { });
                });
                AwaitJob(reply.Texts()[0], unit);
                return;
            }
            catch (DBusException error) when (error.Name == "org.freedesktop.systemd1.UnitExists" && again)
            {
                // One of this name may have failed before and lie there still.
                again = false;
                ResetFailed(unit);
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
            {
                throw new CgroupException("linux.cgroupsPath", $"unable to start unit \"{unit}\": {error.Message}", 0, error);
            }
        }
    }

    /// <summary>Stops a unit and waits for its end; one that is not there is fine.</summary>
    public void Stop(string unit)
    {
        Subscribe();
        try
        {
            var reply = _connection.Call(Service, Path, Manager, "StopUnit", "ss", body =>
            {
                body.Text(unit);
                body.Text("replace");
            });
            AwaitJob(reply.Texts()[0], unit);
        }
        catch (DBusException error) when (error.Name == "org.freedesktop.systemd1.NoSuchUnit") { /* it ended with its last process */ }
        ResetFailed(unit);
    }

    public void SetProperties(string unit, IReadOnlyList<UnitProperty> properties)
    {
        try
        {
            _connection.Call(Service, Path, Manager, "SetUnitProperties", "sba(sv)", body =>
            {
                body.Text(unit);
                body.Boolean(true); // until the machine goes down
                UnitProperty.WriteAll(body, properties);
            });
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            throw new CgroupException("linux.resources", $"unable to set unit properties ({string.Join(", ", properties.Select(property => $"{property.Name}={property.Shown}"))}): {error.Message}", 0, error);
        }
    }

    private void ResetFailed(string unit)
    {
        try { _connection.Call(Service, Path, Manager, "ResetFailedUnit", "s", body => body.Text(unit)); }
        catch (DBusException) { /* it is not loaded, so it has not failed */ }
    }

    // Without it systemd sends no JobRemoved.
    private void Subscribe()
    {
        if (_subscribed) return;
        try { _connection.Call(Service, Path, Manager, "Subscribe", "", _ => { }); }
        catch (DBusException error) when (error.Name == "org.freedesktop.systemd1.AlreadySubscribed") { /* what was wanted */ }
        _connection.Match("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
        _subscribed = true;
    }

    private void AwaitJob(string job, string unit)
    {
        while (true)
        {
            // JobRemoved(id, job, unit, result)
            if (_connection.NextSignal() is not { Member: "JobRemoved" } signal || signal.Texts() is not [var path, _, var result] || path != job) continue;
            if (result != "done") throw new DBusException("JobFailed", $"got `{result}`");
            return;
        }
    }

    public void Dispose() => _connection.Dispose();
}
