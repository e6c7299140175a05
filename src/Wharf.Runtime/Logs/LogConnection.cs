using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Wharf.Runtime.Logs;

/// <summary>Where logs are sent to: <c>udp://host:port</c>, <c>tcp://</c>, <c>tcp+tls://</c>, <c>unix:///path</c>, <c>unixgram:///path</c>.</summary>
internal sealed record LogAddress(string Scheme, string Host, int Port)
{
    public bool IsDatagram => Scheme is "udp" or "unixgram";

    public static LogAddress Parse(string text, int defaultPort)
    {
        int at = text.IndexOf("://", StringComparison.Ordinal);
        var (scheme, rest) = at < 0 ? ("tcp", text) : (text[..at], text[(at + 3)..]);
        if (scheme is "unix" or "unixgram") return new LogAddress(scheme, rest, 0);
        rest = rest.TrimEnd('/');
        int slash = rest.IndexOf('/');
        if (slash >= 0) rest = rest[..slash];
        int colon = rest.LastIndexOf(':');
        if (colon < 0 || rest.EndsWith(']')) return new LogAddress(scheme, rest.Trim('[', ']'), defaultPort);
        return new LogAddress(scheme, rest[..colon].Trim('[', ']'), int.Parse(rest[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }
}

/// <summary>Keys and authorities for TLS, as paths of PEM files.</summary>
internal sealed record LogTls(string? Authority, string? Certificate, string? Key, bool SkipVerify);

/// <summary>A blocking connection of a log driver. All failures are <see cref="IOException"/>.</summary>
internal sealed class LogConnection(LogAddress address, LogTls? tls, TimeSpan timeout) : IDisposable
{
    private Socket? _socket;
    private Stream? _stream;

    public bool IsOpen => _socket is not null;
    public LogAddress Address => address;

    public void Open()
    {
        Close();
        try
        {
            bool local = address.Scheme is "unix" or "unixgram";
            var socket = new Socket(local ? AddressFamily.Unix : AddressFamily.InterNetworkV6, address.IsDatagram ? SocketType.Dgram : SocketType.Stream, ProtocolType.Unspecified);
            if (!local) socket.DualMode = true;
            socket.SendTimeout = (int)timeout.TotalMilliseconds;
            try
            {
                if (local) socket.Connect(new UnixDomainSocketEndPoint(address.Host));
                else socket.Connect(Resolve());
                _stream = address.IsDatagram ? null : Secure(new NetworkStream(socket, ownsSocket: false));
            }
            catch
            {
                socket.Dispose();
                throw;
            }
            _socket = socket;
        }
        catch (Exception error) when (error is SocketException or System.Security.Authentication.AuthenticationException or System.Security.Cryptography.CryptographicException)
        {
            throw new IOException($"dial {address.Scheme} {Target}: {Reason(error)}", error);
        }
    }

    private string Target => address.Port == 0 ? address.Host : $"{address.Host}:{address.Port}";

    // The framework's own texts are not in the binary.
    internal static string Reason(Exception error) => error is SocketException socket ? socket.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "connect: connection refused",
        SocketError.HostNotFound => "no such host",
        SocketError.AddressNotAvailable => "connect: no such file or directory",
        SocketError.TimedOut => "i/o timeout",
        var code => code.ToString(),
    } : error.Message;

    private IPEndPoint Resolve() => new(IPAddress.TryParse(address.Host, out var given) ? given.MapToIPv6() : Dns.GetHostAddresses(address.Host)[0].MapToIPv6(), address.Port);

    private Stream Secure(Stream plain)
    {
        if (tls is null) return plain;
        var options = new SslClientAuthenticationOptions { TargetHost = address.Host };
        if (tls.Certificate is { Length: > 0 } certificate && tls.Key is { Length: > 0 } key) options.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, key)];
        if (tls.SkipVerify) options.RemoteCertificateValidationCallback = (_, _, _, _) => true; // asked for by the user, by its name
        else if (tls.Authority is { Length: > 0 } authority)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(authority);
            options.CertificateChainPolicy = policy;
        }
        var secured = new SslStream(plain);
        secured.AuthenticateAsClient(options);
        return secured;
    }

    /// <summary>Sends all of it: one datagram, or so many bytes of the stream.</summary>
    public void Send(ReadOnlySpan<byte> data)
    {
        var socket = _socket ?? throw new IOException("not connected");
        try
        {
            if (_stream is null) socket.Send(data);
            else _stream.Write(data);
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            Close();
            throw new IOException($"{address.Scheme} {Target}: {Reason(error.InnerException ?? error)}", error);
        }
    }

    /// <summary>Reads what has come; 0 at the end.</summary>
    public int Receive(Span<byte> buffer)
    {
        try { return _stream?.Read(buffer) ?? 0; }
        catch (SocketException error) { throw new IOException(error.Message, error); }
    }

    public void Close()
    {
        _stream?.Dispose();
        _socket?.Dispose();
        (_stream, _socket) = (null, null);
    }

    public void Dispose() => Close();
}
