using System.Buffers.Text;
using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Pulls that need a signature by a certificate: cosign's without keys (Fulcio, Rekor), and Notation's.</summary>
public sealed class RegistrySignatureTests
{
    private const string Workflow = "https://ci.example.com/team/app/.workflows/release.yml@refs/tags/v1", Issuer = "https://ci.example.com";

    private static Task<(RegistryProcess Registry, RegistryApi Alice, RegistryApi Anybody)> StartAsync(string trust, params (string File, string Text)[] files) => StartAsync(trust, tokens: false, files);

    /// <summary>A registry where anybody may read, and alice may write.</summary>
    internal static async Task<(RegistryProcess Registry, RegistryApi Alice, RegistryApi Anybody)> StartAsync(string trust, bool tokens, params (string File, string Text)[] files)
    {
        var registry = new RegistryProcess();
        foreach (var (file, text) in files) await File.WriteAllTextAsync(Path.Combine(registry.Root, file), text);
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "htpasswd"), (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", "alice"], "secret\n"u8.ToArray())).Out);
        await registry.StartAsync($$"""
            { "trust": [ { "repository": "prod/*", {{trust}} } ],
              "auth": { "htpasswd": "ROOT/htpasswd", {{(tokens ? "\"token\": {}," : "")}} "policies": [ { "repository": "**", "users": ["alice"], "allow": ["*"] }, { "repository": "**", "users": ["anonymous"], "allow": ["read"] } ] } }
            """);
        var alice = new RegistryApi(registry.Url);
        alice.Http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("alice:secret"u8));
        if (tokens) alice.Http.DefaultRequestHeaders.Authorization = new("Bearer", await TokenAsync(alice, "pull,push"));
        return (registry, alice, new RegistryApi(registry.Url));
    }

    internal static async Task<string> TokenAsync(RegistryApi api, string actions) => (await (await api.GetAsync("/token?scope=repository:prod/app:" + actions)).JsonAsync()).GetProperty("token").GetString()!;

    private static async Task PutSignatureAsync(RegistryApi api, string subject, long size, byte[] blob, string type, string artifact, Dictionary<string, string>? annotations)
    {
        foreach (var bytes in (byte[][])[blob, RegistryApi.Empty]) await api.PushBlobAsync("prod/app", bytes);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["schemaVersion"] = 2, ["mediaType"] = RegistryApi.OciManifest, ["config"] = new { mediaType = artifact, digest = RegistryApi.DigestOf(RegistryApi.Empty), size = 2 },
            ["layers"] = new[] { new { mediaType = type, digest = RegistryApi.DigestOf(blob), size = blob.Length, annotations = annotations ?? new Dictionary<string, string>() } },
            ["subject"] = new { mediaType = RegistryApi.OciManifest, digest = subject, size },
        });
        await (await api.PutManifestAsync("prod/app", RegistryApi.DigestOf(manifest), manifest)).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Certificates_of_some_minutes_sign_when_the_log_says_when()
    {
        using var fulcio = new SigningAuthority();
        using var stranger = new SigningAuthority();
        using var rekor = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (registry, alice, anybody) = await StartAsync($$"""
            "keyless": [ { "roots": "ROOT/fulcio.pem", "rekor": "ROOT/rekor.pub", "identity": "https://ci.example.com/team/*", "issuer": "{{Issuer}}" } ]
            """, ("fulcio.pem", fulcio.Root.ExportCertificatePem()), ("rekor.pub", rekor.ExportSubjectPublicKeyInfoPem()));
        await using (registry)
        using (alice)
        using (anybody)
        {
            var image = await alice.PushImageAsync("prod/app", "v1", "layer"u8.ToArray());
            var digest = RegistryApi.DigestOf(image);
            var then = DateTimeOffset.UtcNow.AddDays(-2);
            async Task SignAsync(SigningAuthority authority, string identity, string issuer, DateTimeOffset logged, ECDsa log, string says, bool isLogged = true)
            {
                var signature = KeylessSignature.Make(authority, log, says, "prod/app", identity, issuer, then, logged, isLogged);
                await PutSignatureAsync(alice, digest, image.Length, signature.Payload, KeylessSignature.MediaType, "application/vnd.dev.cosign.artifact.sig.v1+json", signature.Annotations);
            }

            var good = then.AddMinutes(3);
            using var otherLog = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            await SignAsync(stranger, Workflow, Issuer, good, rekor, digest);
            await SignAsync(fulcio, "https://elsewhere.example.com/team/app", Issuer, good, rekor, digest);
            await SignAsync(fulcio, Workflow, "https://elsewhere.example.com", good, rekor, digest);
            await SignAsync(fulcio, Workflow, Issuer, then.AddMinutes(20), rekor, digest);
            await SignAsync(fulcio, Workflow, Issuer, good, otherLog, digest);
            await SignAsync(fulcio, Workflow, Issuer, good, rekor, RegistryApi.DigestOf([1]));
            await SignAsync(fulcio, Workflow, Issuer, good, rekor, digest, isLogged: false);
            await (await anybody.GetAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(401, "UNAUTHORIZED");
            await SignAsync(fulcio, Workflow, Issuer, good, rekor, digest);
            (await anybody.GetAsync("/v2/prod/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
            (await (await alice.GetAsync("/api/repositories/prod%2Fapp?tag=v1")).JsonAsync()).GetProperty("tags")[0].GetProperty("signers")[0].GetString().ShouldBe(Workflow);
        }
    }

    [Fact]
    public async Task Bundles_sign_by_a_certificate_or_by_a_key()
    {
        using var fulcio = new SigningAuthority();
        using var rekor = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var release = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (registry, alice, anybody) = await StartAsync($$"""
            "keys": ["ROOT/release.pub"], "keyless": [ { "roots": "ROOT/fulcio.pem", "rekor": "ROOT/rekor.pub", "identity": "https://ci.example.com/team/*", "issuer": "{{Issuer}}" } ]
            """, ("fulcio.pem", fulcio.Root.ExportCertificatePem()), ("rekor.pub", rekor.ExportSubjectPublicKeyInfoPem()), ("release.pub", release.ExportSubjectPublicKeyInfoPem()));
        await using (registry)
        using (alice)
        using (anybody)
        {
            var then = DateTimeOffset.UtcNow.AddDays(-2);
            async Task SignAsync(byte[] image, ECDsa? known, string predicate = "https://sigstore.dev/cosign/sign/v1", string? says = null, string hashes = "")
            {
                using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                var key = known ?? made;
                using var leaf = fulcio.Leaf(key, "", then, TimeSpan.FromMinutes(10), Workflow, Issuer);
                var payload = Encoding.UTF8.GetBytes($$$"""{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"{{{(says ?? RegistryApi.DigestOf(image))[7..]}}}"}}],"predicateType":"{{{predicate}}}","predicate":{}}""");
                const string Type = "application/vnd.in-toto+json";
                var signature = Convert.ToBase64String(KeylessSignature.Sign(key, [.. Encoding.UTF8.GetBytes($"DSSEv1 {Type.Length} {Type} {payload.Length} "), .. payload]));
                var body = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(new
                {
                    apiVersion = "0.0.1", kind = "dsse",
                    spec = new { payloadHash = new { algorithm = "sha256", value = Convert.ToHexStringLower(SHA256.HashData(payload)) + hashes }, signatures = new[] { new { signature, verifier = Convert.ToBase64String(Encoding.UTF8.GetBytes(leaf.ExportCertificatePem())) } } },
                }));
                var logged = then.AddMinutes(3);
                var (_, promise) = KeylessSignature.Entry(rekor, body, logged);
                object material = known is not null ? new { publicKey = new { hint = "x" } } : new
                {
                    certificate = new { rawBytes = Convert.ToBase64String(leaf.RawData) },
                    tlogEntries = new[] { new { logIndex = "7", logId = new { keyId = Convert.ToBase64String((byte[])[0xc0, 0xd2]) }, kindVersion = new { kind = "dsse", version = "0.0.1" }, integratedTime = logged.ToUnixTimeSeconds().ToString(), inclusionPromise = new { signedEntryTimestamp = promise }, canonicalizedBody = body } },
                };
                var bundle = JsonSerializer.SerializeToUtf8Bytes(new { mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json", verificationMaterial = material, dsseEnvelope = new { payload = Convert.ToBase64String(payload), payloadType = Type, signatures = new[] { new { sig = signature } } } });
                await PutSignatureAsync(alice, RegistryApi.DigestOf(image), image.Length, bundle, "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.oci.empty.v1+json", null);
            }

            foreach (var (tag, known) in new Dictionary<string, ECDsa?> { ["keyless"] = null, ["key"] = release })
            {
                var image = await alice.PushImageAsync("prod/app", tag, Encoding.UTF8.GetBytes(tag));
                await SignAsync(image, known, predicate: "https://slsa.dev/provenance/v1");
                await SignAsync(image, known, says: RegistryApi.DigestOf([1]));
                if (known is null) await SignAsync(image, known, hashes: "00");
                await (await anybody.GetAsync($"/v2/prod/app/manifests/{tag}")).ShouldRefuseAsync(401, "UNAUTHORIZED");
                await SignAsync(image, known);
                (await anybody.GetAsync($"/v2/prod/app/manifests/{tag}")).StatusCode.ShouldBe(HttpStatusCode.OK);
            }
        }
    }

    [Theory]
    [InlineData("PS256")]
    [InlineData("ES256")]
    public async Task Notations_envelopes_sign(string algorithm)
    {
        using var authority = new SigningAuthority();
        using var stranger = new SigningAuthority();
        var (registry, alice, anybody) = await StartAsync("""
            "notation": [ { "roots": "ROOT/roots.pem", "subject": "O=Example, CN=release" } ]
            """, ("roots.pem", authority.Root.ExportCertificatePem()));
        await using (registry)
        using (alice)
        using (anybody)
        {
            var image = await alice.PushImageAsync("prod/app", "v1", "layer"u8.ToArray());
            var digest = RegistryApi.DigestOf(image);
            async Task SignAsync(SigningAuthority of, string subject, string says, string expiry, int days = 20, string critical = "", bool spoil = false)
            {
                var envelope = of.Envelope(algorithm, subject, says, image.Length, expiry, days, critical, spoil);
                await PutSignatureAsync(alice, digest, image.Length, envelope, "application/jose+json", "application/vnd.cncf.notary.signature", null);
            }

            const string Later = "2096-01-01T00:00:00Z", Release = "C=DE, O=Example, CN=release";
            await SignAsync(stranger, Release, digest, Later);
            await SignAsync(authority, "C=DE, O=Example, CN=test", digest, Later);
            await SignAsync(authority, Release, RegistryApi.DigestOf([1]), Later);
            await SignAsync(authority, Release, digest, "2026-01-02T00:00:00Z");
            await SignAsync(authority, Release, digest, Later, days: 5);
            await SignAsync(authority, Release, digest, Later, critical: ",\"x\"");
            await SignAsync(authority, Release, digest, Later, spoil: true);
            await (await anybody.GetAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(401, "UNAUTHORIZED");
            await SignAsync(authority, Release, digest, Later);
            (await anybody.GetAsync("/v2/prod/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
            (await (await alice.GetAsync("/api/repositories/prod%2Fapp?tag=v1")).JsonAsync()).GetProperty("tags")[0].GetProperty("signers")[0].GetString()!.ShouldContain("CN=release");
        }
    }
}
