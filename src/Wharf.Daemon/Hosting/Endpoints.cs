using System.Globalization;
using System.Net;
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
    private readonly List<Action<KestrelServerOptions, Func<TlsGate>>> _listeners = [];

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
        if (options.Transport.MetricsAddress is { } metrics) AddMetrics(metrics);
    }

    /// <summary>Unix sockets that are ours to make and to remove.</summary>
    public List<string> Sockets { get; } = [];
    /// <summary>Addresses that anyone who reaches them may use.</summary>
    public List<string> Unprotected { get; } = [];

    public void Listen(KestrelServerOptions kestrel, ILoggerFactory logs)
    {
        TlsGate? gate = null;
        foreach (var listener in _listeners) listener(kestrel, () => gate ??= new TlsGate(_options.Transport, logs.CreateLogger<TlsGate>()));
    }

    private void AddTcp(string host)
    {
        if (!Uri.TryCreate(host, UriKind.Absolute, out var uri) || uri.Host == "") throw WharfException.Invalid($"invalid value \"{host}\" for option \"hosts\": not an address and port");
        int port = uri.Port > 0 ? uri.Port : _options.Transport.UsesTls ? 2376 : 2375;
        var address = uri.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 ? IPAddress.Parse(uri.DnsSafeHost) :
            uri.Host == "localhost" ? IPAddress.Loopback : throw WharfException.Invalid($"invalid value \"{host}\" for option \"hosts\": not an IP address");
        if (!_options.Transport.UsesTls) Unprotected.Add(host);
        _listeners.Add((kestrel, tls) => kestrel.Listen(new IPEndPoint(address, port), listen => Network(listen, tls)));
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
