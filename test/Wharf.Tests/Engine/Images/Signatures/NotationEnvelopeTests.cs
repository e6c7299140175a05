using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Shouldly;
using Wharf.Engine.Images.Signatures;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images.Signatures;

/// <summary>Notation's envelopes in COSE: which count, and that no spoiled one does.</summary>
public sealed class NotationEnvelopeTests : IDisposable
{
    private static readonly Digest _manifest = Digest.OfBytes("manifest"u8);
    private static readonly DateTimeOffset _now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public NotationEnvelopeTests()
    {
        var request = new CertificateRequest("CN=release", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.3")], false));
        _certificate = request.CreateSelfSigned(_now.AddDays(-30), _now.AddDays(30));
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    private byte[] Sign(string scheme = "notary.x509", string contentType = "application/vnd.cncf.notary.payload.v1+json", DateTimeOffset? expiry = null, string? critical = null, DateTimeOffset? signedAt = null)
    {
        var header = new CoseHeaderMap { { CoseHeaderLabel.ContentType, contentType }, { new CoseHeaderLabel("io.cncf.notary.signingScheme"), scheme } };
        var names = new List<string> { "io.cncf.notary.signingScheme" };
        void Time(string name, DateTimeOffset? time)
        {
            if (time is not { } at) return;
            var writer = new CborWriter();
            writer.WriteUnixTimeSeconds(at.ToUnixTimeSeconds());
            header.Add(new CoseHeaderLabel(name), CoseHeaderValue.FromEncodedValue(writer.Encode()));
            names.Add(name);
        }
        Time("io.cncf.notary.expiry", expiry);
        Time("io.cncf.notary.authenticSigningTime", signedAt);
        if (critical is not null)
        {
            header.Add(new CoseHeaderLabel(critical), "x");
            names.Add(critical);
        }
        var list = new CborWriter();
        list.WriteStartArray(names.Count);
        foreach (var name in names) list.WriteTextString(name);
        list.WriteEndArray();
        header.Add(CoseHeaderLabel.CriticalHeaders, CoseHeaderValue.FromEncodedValue(list.Encode()));
        var chain = new CborWriter();
        chain.WriteStartArray(1);
        chain.WriteByteString(_certificate.RawData);
        chain.WriteEndArray();
        var payload = Encoding.UTF8.GetBytes($$$"""{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{_manifest}}}","size":8}}""");
        return CoseSign1Message.SignEmbedded(payload, new CoseSigner(_key, HashAlgorithmName.SHA256, header, new CoseHeaderMap { { new CoseHeaderLabel(33), CoseHeaderValue.FromEncodedValue(chain.Encode()) } }));
    }

    private VerifiedSignature? Verify(byte[] envelope, Digest? manifest = null, DateTimeOffset? now = null) => new NotationSigner([_certificate], "CN=release").Verify("application/cose", envelope, manifest ?? _manifest, now ?? _now);

    [Fact]
    public void What_the_certificate_signed_counts_until_it_ends()
    {
        Verify(Sign()).ShouldNotBeNull().Signer.ShouldBe("CN=release");
        Verify(Sign()).ShouldNotBeNull().Until.ShouldBe(_now.AddDays(30));
        Verify(Sign(expiry: _now.AddHours(1))).ShouldNotBeNull().Until.ShouldBe(_now.AddHours(1));
        // What a signing authority signed while the certificate was good stays good.
        Verify(Sign("notary.x509.signingAuthority", signedAt: _now), now: _now.AddDays(40)).ShouldNotBeNull();
    }

    [Fact]
    public void What_says_something_else_does_not_count()
    {
        Verify(Sign(), manifest: Digest.OfBytes("another"u8)).ShouldBeNull();
        Verify(Sign(), now: _now.AddDays(40)).ShouldBeNull("the certificate has ended");
        Verify(Sign(expiry: _now.AddHours(-1))).ShouldBeNull("the signature has ended");
        Verify(Sign(contentType: "text/plain")).ShouldBeNull();
        Verify(Sign(scheme: "another")).ShouldBeNull();
        Verify(Sign("notary.x509.signingAuthority")).ShouldBeNull("it does not say when");
        Verify(Sign(critical: "com.example.unknown")).ShouldBeNull("it is critical and not understood");
        using var stranger = new NotationEnvelopeTests();
        Verify(stranger.Sign()).ShouldBeNull("another certificate of the same name");
    }

    [Fact]
    public void What_is_spoiled_does_not_count_and_throws_nothing()
    {
        var envelope = Sign(expiry: _now.AddHours(1));
        var random = new Random(1);
        var (from, length) = (envelope.AsSpan().IndexOf("{\"targetArtifact"u8), Encoding.UTF8.GetByteCount(_manifest.ToString()));
        for (int round = 0; round < 2000; round++)
        {
            var spoiled = (byte[])envelope.Clone();
            spoiled[from + random.Next(length)] ^= (byte)random.Next(1, 256);
            Verify(spoiled).ShouldBeNull($"the payload of round {round}");
            spoiled = envelope[..random.Next(envelope.Length)];
            Verify(spoiled).ShouldBeNull($"cut in round {round}");
            // Beside the signed parts a change may be without meaning: there only that it is answered counts.
            spoiled = (byte[])envelope.Clone();
            for (int i = 0; i <= round % 5; i++) spoiled[random.Next(spoiled.Length)] ^= (byte)random.Next(1, 256);
            Should.NotThrow(() => Verify(spoiled));
        }
    }
}
