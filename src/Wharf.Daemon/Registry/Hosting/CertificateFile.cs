using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Observing;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>The server's certificate, read again when its file changes; a file that cannot be read leaves the former one in use.</summary>
internal sealed class CertificateFile : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private readonly TlsConfig _config;
    private readonly ILogger _log;
    private readonly X509Certificate2Collection _clientCas = [];
    private readonly Timer _timer;
    private (DateTime, DateTime) _read;
    private volatile X509Certificate2 _current;

    public CertificateFile(TlsConfig config, ILogger log)
    {
        (_config, _log) = (config, log);
        try
        {
            if (config.ClientCa is { } ca) _clientCas.ImportFromPemFile(ca);
            _read = Times();
            _current = Load();
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException) { throw WharfException.Invalid($"tls: {config.Certificate}, {config.Key}: {error.Message}", error); }
        _timer = new Timer(_ => Refresh(), null, Interval, Interval);
    }

    public X509Certificate2 Current => _current;

    private (DateTime, DateTime) Times() => (File.GetLastWriteTimeUtc(_config.Certificate), File.GetLastWriteTimeUtc(_config.Key));

    private X509Certificate2 Load()
    {
        using var pem = X509Certificate2.CreateFromPemFile(_config.Certificate, _config.Key);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private void Refresh()
    {
        var times = Times();
        if (times == _read) return;
        try
        {
            // A handshake under way may still use the former one: it is left to the collector.
            _current = Load();
            _read = times;
            _log.CertificateLoaded(_config.Certificate);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            _read = times;
            _log.CertificateRefused(_config.Certificate, error.Message);
        }
    }

    /// <summary>True for a valid client certificate that one of the configured authorities signed.</summary>
    public bool IsFromClientCa(X509Certificate2 client)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_clientCas);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(client);
    }

    public void Dispose() => _timer.Dispose();
}
