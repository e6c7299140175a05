using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.Linux.DBus;
using Wharf.Runtime.Cgroups.Systemd;
using Xunit;

namespace Wharf.Tests.Runtime.Cgroups;

/// <summary>The D-Bus client against the reference bus daemon, which checks every byte of a message and hangs up on a wrong one.</summary>
public sealed class DBusTests : IDisposable
{
    private const string Bus = "org.freedesktop.DBus", BusPath = "/org/freedesktop/DBus";

    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-dbus-").FullName;
    private readonly Process? _daemon;

    public DBusTests()
    {
        if (!File.Exists("/usr/bin/dbus-daemon")) return;
        _daemon = Process.Start(new ProcessStartInfo("/usr/bin/dbus-daemon", ["--session", "--nofork", "--nopidfile", "--nosyslog", "--print-address", $"--address=unix:path={_directory}/bus"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _daemon.StandardOutput.ReadLine().ShouldNotBeNull();
    }

    private DBusConnection Open()
    {
        Assert.SkipWhen(_daemon is null, "dbus-daemon is not installed");
        return DBusConnection.Open($"{_directory}/bus", bus: true, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_call_has_its_answer()
    {
        using var connection = Open();
        connection.Call(Bus, BusPath, Bus, "GetNameOwner", "s", body => body.Text(Bus)).Texts().ShouldBe([Bus]);
    }

    [Fact]
    public void An_error_answer_is_thrown_with_its_name()
    {
        using var connection = Open();
        Should.Throw<DBusException>(() => connection.Call(Bus, BusPath, Bus, "GetNameOwner", "s", body => body.Text("no.such.name"))).Name.ShouldBe("org.freedesktop.DBus.Error.NameHasNoOwner");
    }

    [Fact]
    public void Properties_of_all_kinds_are_marshalled_rightly()
    {
        using var connection = Open();
        UnitProperty[] properties =
        [
            UnitProperty.Text("Description", "container x"), UnitProperty.Boolean("Delegate", true), UnitProperty.Pids(1, 2, 3), UnitProperty.Number("MemoryMax", ulong.MaxValue),
            UnitProperty.Texts("Wants", "a.slice"), UnitProperty.Bytes("AllowedCPUs", [3]), UnitProperty.Pairs("DeviceAllow", []), UnitProperty.Pairs("DeviceAllow", [("/dev/char/1:3", "rwm"), ("char-pts", "rw")]),
        ];
        // The daemon validates the body before it looks for the method.
        Should.Throw<DBusException>(() => connection.Call(Bus, BusPath, Bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", body =>
        {
            body.Text("unit.scope");
            body.Text("replace");
            UnitProperty.WriteAll(body, properties);
            body.Array(8, () => { });
        })).Name.ShouldBe("org.freedesktop.DBus.Error.UnknownMethod");
        connection.Call(Bus, BusPath, Bus, "GetId", "", _ => { }).Texts().Count.ShouldBe(1);
    }

    [Fact]
    public void Signals_are_received_that_were_asked_for()
    {
        using var connection = Open();
        connection.Match("type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'");
        using (Open()) { }
        DBusMessage signal;
        do signal = connection.NextSignal(); while (signal.Member != "NameOwnerChanged");
        signal.Texts().Count.ShouldBe(3);
    }

    [Fact]
    public async Task The_authentications_end_is_sent_before_its_answer()
    {
        // systemd would not look at a call that it has read together with a BEGIN.
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{_directory}/peer"));
        listener.Listen(1);
        var heard = Task.Run(() =>
        {
            using var peer = listener.Accept();
            var text = "";
            var buffer = new byte[256];
            while (!text.EndsWith("BEGIN\r\n", StringComparison.Ordinal))
            {
                int count = peer.Receive(buffer);
                if (count == 0) break;
                text += Encoding.ASCII.GetString(buffer, 0, count);
            }
            peer.Send("OK 0123456789abcdef0123456789abcdef\r\n"u8);
            return text;
        });
        using (DBusConnection.Open($"{_directory}/peer", bus: false, TimeSpan.FromSeconds(20))) { }
        (await heard).ShouldStartWith("\0AUTH EXTERNAL ");
    }

    [Fact]
    public void A_wrong_message_is_not_taken()
    {
        using var connection = Open();
        Should.Throw<Exception>(() => connection.Call(Bus, BusPath, Bus, "GetNameOwner", "s", body => body.UInt64(ulong.MaxValue))).ShouldBeAssignableTo<IOException>();
    }

    public void Dispose()
    {
        if (_daemon is not null)
        {
            _daemon.Kill();
            _daemon.WaitForExit();
            _daemon.Dispose();
        }
        Directory.Delete(_directory, recursive: true);
    }
}
