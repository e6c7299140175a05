using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>Where the API is served: unix sockets, tcp with or without TLS, and sockets that systemd opened.</summary>
public sealed class Endpoints
{
    private readonly DaemonOptions _options;
    private const int DefaultPort = 2375, DefaultTlsPort = 2376, DefaultBuildKitPort = 1234;
    private readonly List<Action<KestrelServerOptions, Func<TlsGate>>> _listeners = [];
    private readonly List<Action<KestrelServerOptions, Func<TlsGate>>> _buildKitListeners = [];

    /// <summary>Reads the addresses and takes over what systemd left for us.</summary>
    public Endpoints(DaemonOptions options)
    {
        _options = options;
        foreach (var host in options.Hosts)
        {
            if (host.StartsWith("unix://", StringComparison.Ordinal))
            {
                var path = UnixSocketFile.Prepare(host);
                Sockets.Add(path);
                _listeners.Add((kestrel, _) => kestrel.ListenUnixSocket(path, listen => Plain(listen)));
            }
            else if (host.StartsWith("tcp://", StringComparison.Ordinal)) AddTcp(host);
            else AddActivated(host);
        }
        foreach (var address in options.Transport.BuildKitAddresses) AddBuildKit(address);
        if (options.Transport.MetricsAddress is { } metrics) AddMetrics(metrics);
    }

    /// <summary>Unix sockets that are ours to make and to remove.</summary>
    public List<string> Sockets { get; } = [];
    /// <summary>Addresses that anyone who reaches them may use.</summary>
    public List<string> Unprotected { get; } = [];

    /// <summary>Serves a connection on which BuildKit's protocol is spoken from the first byte; to be set before anything is served.</summary>
    public ConnectionDelegate ServeBuildKit { get; set; } = static _ => throw new InvalidOperationException("nobody serves BuildKit's protocol");

    public void Listen(KestrelServerOptions kestrel, ILoggerFactory logs)
    {
        TlsGate? buildKitGate = null;
        foreach (var listener in _buildKitListeners) listener(kestrel, () => buildKitGate ??= new TlsGate(_options.Transport, logs.CreateLogger<TlsGate>(), SslApplicationProtocol.Http2));
        TlsGate? gate = null;
        foreach (var listener in _listeners) listener(kestrel, () => gate ??= new TlsGate(_options.Transport, logs.CreateLogger<TlsGate>()));
    }

    private void AddTcp(string host)
    {
        var address = TcpAddress(host, "hosts", _options.Transport.UsesTls ? DefaultTlsPort : DefaultPort);
        if (!_options.Transport.UsesTls) Unprotected.Add(host);
        _listeners.Add((kestrel, tls) => kestrel.Listen(address, listen => Network(listen, tls)));
    }

    private static IPEndPoint TcpAddress(string text, string option, int defaultPort)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host == "") throw WharfException.Invalid($"invalid value \"{text}\" for option \"{option}\": not an address and port");
        var address = uri.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 ? IPAddress.Parse(uri.DnsSafeHost) :
            uri.Host == "localhost" ? IPAddress.Loopback : throw WharfException.Invalid($"invalid value \"{text}\" for option \"{option}\": not an IP address");
        return new IPEndPoint(address, uri.Port > 0 ? uri.Port : defaultPort);
    }

    /// <summary>The connection goes to the builder before any HTTP of the API's is seen on it.</summary>
    private void AddBuildKit(string address)
    {
        if (address.StartsWith("unix://", StringComparison.Ordinal))
        {
            var path = UnixSocketFile.Prepare(address);
            Sockets.Add(path);
            _buildKitListeners.Add((kestrel, _) => kestrel.ListenUnixSocket(path, listen => BuildKit(listen)));
            return;
        }
        var endPoint = TcpAddress(address, "buildkit-addr", DefaultBuildKitPort);
        bool isProtected = _options.Transport.UsesTls;
        if (!isProtected) Unprotected.Add(address);
        _buildKitListeners.Add((kestrel, tls) => kestrel.Listen(endPoint, listen =>
        {
            if (isProtected) listen.Use(tls().Use);
            BuildKit(listen);
        }));
    }

    private void BuildKit(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1; // of Kestrel's own, which is not come to
        listen.Use(_ => connection => ServeBuildKit(connection));
    }

    private void AddMetrics(string text)
    {
        if (!IPEndPoint.TryParse(text, out var address) || address.Port == 0) throw WharfException.Invalid($"invalid value \"{text}\" for option \"metrics-addr\": not an address and port");
        _listeners.Add((kestrel, _) => kestrel.Listen(address, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection =>
            {
                connection.Features.Set(new MetricsConnection());
                return next(connection);
            });
        }));
    }

    /// <summary>sd_listen_fds(3): descriptors from 3 on, for the process named in LISTEN_PID.</summary>
    private void AddActivated(string host)
    {
        var pid = Environment.GetEnvironmentVariable("LISTEN_PID");
        bool ours = pid is null || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        if (!ours || !int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1)
            throw WharfException.Invalid($"no sockets found via socket activation for {host}: make sure the service was started by systemd");
        foreach (var name in (ReadOnlySpan<string>)["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) Environment.SetEnvironmentVariable(name, null);
        for (int fd = 3; fd < 3 + count; fd++)
        {
            SocketActivation.CloseOnExec(fd);
            bool local = SocketActivation.IsUnix(fd);
            if (!local && !_options.Transport.UsesTls)
            {
                if (_options.Transport.Tls is null) throw WharfException.Invalid($"the socket {fd} of systemd is reachable by network: use --tlsverify, or say --tls=false to serve it nevertheless");
                Unprotected.Add($"fd://{fd}");
            }
            ulong handle = (ulong)fd;
            _listeners.Add((kestrel, tls) => kestrel.ListenHandle(handle, listen =>
            {
                if (local) Plain(listen);
                else Network(listen, tls);
            }));
        }
    }

    private static void Plain(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(HijackGate.Use);
    }

    private void Network(ListenOptions listen, Func<TlsGate> tls)
    {
        listen.Protocols = HttpProtocols.Http1;
        if (_options.Transport.UsesTls) listen.Use(tls().Use);
        listen.Use(HijackGate.Use);
    }
}

/// <summary>What is asked of descriptors that came with the process.</summary>
internal static class SocketActivation
{
    private const int F_GETFD = 1, F_SETFD = 2, FD_CLOEXEC = 1;

    public static void CloseOnExec(int fd)
    {
        int flags = Linux.Syscalls.Libc.fcntl(fd, F_GETFD, 0);
        if (flags < 0 || Linux.Syscalls.Libc.fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) throw WharfException.Invalid($"descriptor {fd} of the socket activation is not open");
    }

    public static bool IsUnix(int fd)
    {
        using var socket = new Socket(new SafeSocketHandle(fd, ownsHandle: false));
        return socket.AddressFamily == AddressFamily.Unix;
    }
}
