using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Wharf.Engine;

namespace Wharf.Daemon.Http;

/// <summary>
/// TLS on a connection, below HTTP. Written here and not taken from Kestrel because raw streams need the TLS stream itself: a client's
/// close_notify ends its input while output goes on.
/// </summary>
public sealed class TlsGate
{
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);
    private readonly SslServerAuthenticationOptions _options;
    private readonly ILogger _log;

    /// <param name="protocol">What is spoken above, for clients that want to hear it in the handshake; null where nothing is said.</param>
    public TlsGate(TransportOptions options, ILogger log, SslApplicationProtocol? protocol = null)
    {
        _log = log;
        // Through PKCS#12 in memory: a PEM key stays "ephemeral" and some platforms refuse that for servers.
        using var pem = X509Certificate2.CreateFromPemFile(options.CertificateFile, options.KeyFile);
        var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        _options = new SslServerAuthenticationOptions { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13, ClientCertificateRequired = options.TlsVerify };
        if (protocol is { } known) _options.ApplicationProtocols = [known];
        if (!options.TlsVerify) return;
        // The given authority and no other (CVE-2018-12608: the system's own were accepted too).
        var authority = new X509Certificate2Collection();
        authority.ImportFromPemFile(options.CaFile);
        _options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        _options.CertificateChainPolicy.CustomTrustStore.AddRange(authority);
    }

    /// <summary>The connection middleware.</summary>
    public ConnectionDelegate Use(ConnectionDelegate next) => async connection =>
    {
        var raw = connection.Transport;
        await using var ssl = new SslStream(new TransportStream(raw));
        try
        {
            using var patience = new CancellationTokenSource(HandshakeTime);
            await ssl.AuthenticateAsServerAsync(_options, patience.Token);
        }
        catch (Exception error) when (error is AuthenticationException or IOException or OperationCanceledException)
        {
            _log.HandshakeFailed(connection.RemoteEndPoint?.ToString() ?? "", error.InnerException?.Message ?? error.Message);
            connection.Abort(new ConnectionAbortedException("TLS handshake failed", error));
            return;
        }
        var (input, output) = (PipeReader.Create(ssl, new StreamPipeReaderOptions(leaveOpen: true)), PipeWriter.Create(ssl, new StreamPipeWriterOptions(leaveOpen: true)));
        connection.Features.Set(new TlsConnection(ssl, raw.Output, connection.ConnectionClosed));
        connection.Transport = new Duplex(input, output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = raw;
            await input.CompleteAsync();
            await output.CompleteAsync();
        }
    };

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

/// <summary>A connection's TLS, for raw streams and for who the client is.</summary>
/// <param name="Raw">Below TLS. Completing it sends what is left and then ends the connection.</param>
/// <param name="Closed">Cancelled when the socket is closed.</param>
public sealed record TlsConnection(SslStream Stream, PipeWriter Raw, CancellationToken Closed)
{
    /// <summary>The common name of the client's certificate; null when it has none.</summary>
    public string? ClientName => Stream.RemoteCertificate is X509Certificate2 certificate ? certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) : null;
}
