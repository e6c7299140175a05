using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Wharf.Cli.ApiClient;

/// <summary>Mutual TLS with a private authority, from the files of <c>--tlscacert</c>, <c>--tlscert</c> and <c>--tlskey</c>.</summary>
internal sealed record TlsOptions(bool Verify, string CaFile, string CertificateFile, string KeyFile)
{
    public async Task<SslStream> WrapAsync(Stream inner, string hostName, CancellationToken cancellationToken)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = hostName };
        if (File.Exists(CertificateFile) && File.Exists(KeyFile))
            options.ClientCertificates = [X509Certificate2.CreateFromPemFile(CertificateFile, KeyFile)];
        if (Verify && File.Exists(CaFile))
        {
            // Only the given authority counts, not the machine's: that is what --tlsverify promises.
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(CaFile);
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }
        else if (!Verify)
        {
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        var stream = new SslStream(inner);
        await stream.AuthenticateAsClientAsync(options, cancellationToken);
        return stream;
    }
}
