using System.Buffers.Text;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Wharf.SystemTests.Registry;

/// <summary>An authority of certificates that sign, leaves of it, and what they sign as Notation does.</summary>
internal sealed class SigningAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public SigningAuthority()
    {
        var request = new CertificateRequest("CN=authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        Root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Leaf(AsymmetricAlgorithm key, string subject, DateTimeOffset from, TimeSpan length, string? identity = null, string? issuer = null)
    {
        var request = key is RSA rsa ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.3")], false));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        if (identity is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddUri(new Uri(identity));
            request.CertificateExtensions.Add(names.Build(critical: true));
        }
        if (issuer is not null)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            writer.WriteCharacterString(UniversalTagNumber.UTF8String, issuer);
            request.CertificateExtensions.Add(new X509Extension("1.3.6.1.4.1.57264.1.8", writer.Encode(), false));
        }
        return request.Create(Root.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), from, from + length, RandomNumberGenerator.GetBytes(8));
    }

    /// <summary>An envelope of Notation's (JWS) by a new leaf that is good from ten days ago for some days.</summary>
    public byte[] Envelope(string algorithm, string subject, string digest, long size, string expiry, int days = 20, string critical = "", bool spoil = false)
    {
        using AsymmetricAlgorithm key = algorithm == "PS256" ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Leaf(key, subject, DateTimeOffset.UtcNow.AddDays(-10), TimeSpan.FromDays(days));
        var header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"{{algorithm}}","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme","io.cncf.notary.expiry"{{critical}}],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-01T00:00:00Z","io.cncf.notary.expiry":"{{expiry}}"}"""));
        var payload = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$$"""{"targetArtifact":{"mediaType":"{{{RegistryApi.OciManifest}}}","digest":"{{{digest}}}","size":{{{size}}}}}"""));
        var signed = Encoding.ASCII.GetBytes(header + "." + (spoil ? "e30" : payload));
        var signature = key is RSA rsa ? rsa.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pss) : ((ECDsa)key).SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        var envelope = $$$"""{"payload":"{{{payload}}}","protected":"{{{header}}}","header":{"x5c":["{{{Convert.ToBase64String(leaf.RawData)}}}","{{{Convert.ToBase64String(Root.RawData)}}}"],"io.cncf.notary.signingAgent":"test"},"signature":"{{{Base64Url.EncodeToString(signature)}}}"}""";
        return Encoding.UTF8.GetBytes(envelope);
    }

    public void Dispose()
    {
        Root.Dispose();
        _key.Dispose();
    }
}
