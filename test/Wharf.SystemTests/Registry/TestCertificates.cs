using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Wharf.SystemTests.Registry;

/// <summary>A certificate authority for one test, and what it signs.</summary>
public sealed class TestCertificates : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public TestCertificates()
    {
        var request = new CertificateRequest("CN=Test CA", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        Authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    public X509Certificate2 Authority { get; }

    /// <summary>Writes <c>NAME.crt</c> and <c>NAME.key</c> and returns the pair as a certificate.</summary>
    public X509Certificate2 Write(string directory, string name, string subject, string? uri = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={subject}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (uri is not null) names.AddUri(new Uri(uri));
        else
        {
            names.AddIpAddress(IPAddress.Loopback);
            names.AddDnsName("localhost");
        }
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(Authority, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddHours(12), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(directory, name + ".crt"), signed.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(directory, name + ".key"), key.ExportPkcs8PrivateKeyPem() + "\n");
        using var both = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(both.Export(X509ContentType.Pkcs12), null);
    }

    public void WriteAuthority(string path) => File.WriteAllText(path, Authority.ExportCertificatePem() + "\n");

    /// <summary>A handler that trusts this authority alone, and shows a client certificate if there is one.</summary>
    public SocketsHttpHandler Handler(X509Certificate2? client = null, Action<X509Certificate2>? seen = null)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
            chain.ChainPolicy.CustomTrustStore.Add(Authority);
            var server = X509CertificateLoader.LoadCertificate(certificate!.GetRawCertData());
            seen?.Invoke(server);
            return chain.Build(server);
        };
        if (client is not null) handler.SslOptions.ClientCertificates = [client];
        return handler;
    }

    public void Dispose()
    {
        Authority.Dispose();
        _key.Dispose();
    }
}
