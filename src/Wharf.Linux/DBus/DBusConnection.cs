using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.DBus;

/// <summary>
/// A connection to a bus daemon or to a peer's own socket, as systemd's private one is. Synchronous; one caller at a time.
/// </summary>
public sealed class DBusConnection : IDisposable
{
    private const string SystemBusSocket = "/run/dbus/system_bus_socket";
    private const int MaxMessage = 16 << 20;

    private readonly Socket _socket;
    private readonly bool _bus;
    private readonly byte[] _head = new byte[16];
    private readonly Queue<DBusMessage> _signals = new();
    private uint _serial;

    private DBusConnection(Socket socket, bool bus) => (_socket, _bus) = (socket, bus);

    /// <summary>The system bus's socket: where the environment says, or where it always is.</summary>
    public static string SystemBus => Environment.GetEnvironmentVariable("DBUS_SYSTEM_BUS_ADDRESS") is { } address && address.StartsWith("unix:path=", StringComparison.Ordinal) ? address["unix:path=".Length..].Split(',')[0] : SystemBusSocket;

    /// <summary>Connects to one socket; <paramref name="bus"/>: a bus daemon's and not a peer's own.</summary>
    public static DBusConnection Open(string path, bool bus, TimeSpan patience)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)patience.TotalMilliseconds, SendTimeout = (int)patience.TotalMilliseconds };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            var connection = new DBusConnection(socket, bus);
            connection.Authenticate();
            if (bus) connection.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", _ => { });
            return connection;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // SASL EXTERNAL: the socket's credentials are the proof, the uid in hexadecimal digits of its decimal text. BEGIN goes along with it and
    // not after the answer: systemd reads in blocks while it authenticates, and a call that it read together with a BEGIN lies in its buffer
    // until something else arrives. Sent like this, BEGIN is behind it before its answer is here.
    private void Authenticate()
    {
        var uid = Convert.ToHexStringLower(Encoding.ASCII.GetBytes(Libc.geteuid().ToString(CultureInfo.InvariantCulture)));
        Send(Encoding.ASCII.GetBytes($"\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n"));
        var answer = ReadLine();
        if (!answer.StartsWith("OK ", StringComparison.Ordinal)) throw new IOException($"D-Bus: authentication refused: {answer}");
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (line.Length < 1024)
        {
            Fill(one);
            if (one[0] == '\n') return line.ToString().TrimEnd('\r');
            line.Append((char)one[0]);
        }
        throw new IOException("D-Bus: the authentication's answer has no end");
    }

    /// <summary>Calls a method and waits for its reply; an error reply throws a <see cref="DBusException"/>.</summary>
    public DBusMessage Call(string destination, string path, string service, string member, string signature, Action<DBusWriter> body)
    {
        uint serial = ++_serial;
        Send(Encode(serial, destination, path, service, member, signature, body));
        while (true)
        {
            var message = Receive();
            if (message.Type == DBusType.Signal) _signals.Enqueue(message);
            if (message.ReplySerial != serial) continue;
            if (message.Type != DBusType.Error) return message;
            throw new DBusException(message.ErrorName ?? "unknown", message.Texts() is [var text, ..] ? text : "");
        }
    }

    /// <summary>Asks the bus for signals; the private socket sends all.</summary>
    public void Match(string rule)
    {
        if (_bus) Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", body => body.Text(rule));
    }

    /// <summary>The next signal, waited for no longer than the connection's patience.</summary>
    public DBusMessage NextSignal()
    {
        if (_signals.TryDequeue(out var waiting)) return waiting;
        while (true)
        {
            var message = Receive();
            if (message.Type == DBusType.Signal) return message;
        }
    }

    private byte[] Encode(uint serial, string destination, string path, string service, string member, string signature, Action<DBusWriter> write)
    {
        var body = new DBusWriter();
        write(body);
        var message = new DBusWriter();
        message.Byte((byte)'l');
        message.Byte((byte)DBusType.MethodCall);
        message.Byte(0);
        message.Byte(1);
        message.UInt32((uint)body.Length);
        message.UInt32(serial);
        message.Array(8, () =>
        {
            void Field(byte code, string kind, Action value)
            {
                message.Align(8);
                message.Byte(code);
                message.Signature(kind);
                value();
            }
            Field(1, "o", () => message.Text(path));
            Field(2, "s", () => message.Text(service));
            Field(3, "s", () => message.Text(member));
            if (_bus) Field(6, "s", () => message.Text(destination));
            if (signature.Length > 0) Field(8, "g", () => message.Signature(signature));
        });
        message.Align(8);
        message.Raw(body.ToArray());
        return message.ToArray();
    }

    private DBusMessage Receive()
    {
        Fill(_head);
        if (_head[0] != 'l') throw new IOException("D-Bus: a message that is not little-endian");
        int bodyLength = BinaryPrimitives.ReadInt32LittleEndian(_head.AsSpan(4)), fields = BinaryPrimitives.ReadInt32LittleEndian(_head.AsSpan(12));
        if (bodyLength is < 0 or > MaxMessage || fields is < 0 or > MaxMessage) throw new IOException("D-Bus: a message out of all bounds");
        var message = new byte[DBusMessage.Align(16 + fields, 8) + bodyLength];
        _head.CopyTo(message, 0);
        Fill(message.AsSpan(16));
        return DBusMessage.Parse(message, bodyLength);
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[_socket.Send(bytes)..];
    }

    private void Fill(Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            int count;
            try { count = _socket.Receive(buffer); }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.TimedOut) { throw new IOException($"D-Bus: no answer for {_socket.ReceiveTimeout / 1000} seconds", error); }
            if (count == 0) throw new IOException("D-Bus: the connection was closed");
            buffer = buffer[count..];
        }
    }

    public void Dispose() => _socket.Dispose();
}

/// <summary>The other side refused a request.</summary>
public sealed class DBusException(string name, string message) : IOException($"{message} ({name})")
{
    public string Name { get; } = name;
}
