using System.Security.Cryptography;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Images.Trust;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>Reading trust policies, and which of their scopes and identities fit.</summary>
public sealed class TrustPolicyTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-trust-").FullName;

    private TrustPolicy Read(string json)
    {
        var path = Path.Combine(_root, "policy.json");
        File.WriteAllText(path, json.Replace("KEY", Path.Combine(_root, "key.pub"), StringComparison.Ordinal));
        return TrustPolicyFile.Read(path);
    }

    public TrustPolicyTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Path.Combine(_root, "key.pub"), key.ExportSubjectPublicKeyInfoPem());
    }

    [Fact]
    public void The_most_specific_scope_holds()
    {
        string[] scopes = ["docker.io/library/busybox:1", "docker.io/library/busybox", "docker.io/library", "docker.io", "r.one.example:5000", "*.one.example:5000", "*.example:5000"];
        var policy = Read($$"""{ "default": [{"type":"reject"}], "transports": { "docker": { {{string.Join(", ", scopes.Select(scope => $$"""  "{{scope}}": [{"type":"insecureAcceptAnything"}] """))}} } } }""");
        foreach (var (name, scope) in new Dictionary<string, string>
        {
            ["busybox:1"] = "docker.io/library/busybox:1", ["busybox:2"] = "docker.io/library/busybox", ["busybox@sha256:" + new string('a', 64)] = "docker.io/library/busybox", ["alpine"] = "docker.io/library",
            ["library2/app"] = "docker.io", ["r.one.example:5000/a/b"] = "r.one.example:5000", ["s.one.example:5000/a"] = "*.one.example:5000", ["two.example:5000/a"] = "*.example:5000", ["two.example/a"] = "default",
        })
            policy.Of(ImageReference.Parse(name).WithDefaultTag()).Scope.ShouldBe(scope, name);
    }

    [Theory]
    [InlineData("""{ }""", "it has no \"default\"")]
    [InlineData("""{ "default": [] }""", "default: not a list of requirements, of at least one")]
    [InlineData("""{ "default": [{"type":"reject"}], "extra": 1 }""", "unknown key \"extra\"")]
    [InlineData("""{ "default": [{"type":"reject"}], "default": [{"type":"reject"}] }""", "default")]
    [InlineData("""{ "default": [{"type":"reject","keyPath":"KEY"}] }""", "default: unknown key \"keyPath\"")]
    [InlineData("""{ "default": [{"type":"signedBy","keyType":"GPGKeys","keyPath":"KEY"}] }""", "is no keyring of GnuPG's")]
    [InlineData("""{ "default": [{"type":"signedBy","keyType":"X509Certificates","keyPath":"KEY"}] }""", "keyType of signedBy must be \"GPGKeys\"")]
    [InlineData("""{ "default": [{"type":"signedBy","keyType":"GPGKeys"}] }""", "signedBy takes one of keyPath, keyPaths and keyData")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned"}] }""", "sigstoreSigned takes one of keyPath, keyPaths, keyData, keyDatas and fulcio")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","keyPath":"KEY","keyData":"AAAA"}] }""", "only one of keyPath and keyData can be given")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","keyData":"AAAA"}] }""", "default.keyData is no public key in PEM")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","keyPath":"/nosuch.pub"}] }""", "/nosuch.pub")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","keyPath":"KEY","signedIdentity":{"type":"exactRepository"}}] }""", "exactRepository needs dockerRepository")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","fulcio":{"caPath":"KEY","oidcIssuer":"i","subjectEmail":"a@b"}}] }""", "fulcio needs rekorPublicKeyPath")]
    [InlineData("""{ "default": [{"type":"sigstoreSigned","keyPath":"KEY","pki":{}}] }""", "pki is not supported")]
    [InlineData("""{ "default": [{"type":"notationSigned"}] }""", "one of caPath and caData is needed")]
    [InlineData("""{ "default": [{"type":"reject"}], "transports": {"docker": {"busybox": [{"type":"reject"}]}} }""", "\"busybox\" fits no image")]
    public void What_is_unknown_or_not_supported_is_refused(string json, string problem)
    {
        var error = Should.Throw<WharfException>(() => Read(json));
        error.Kind.ShouldBe(ErrorKind.InvalidArgument);
        error.Message.ShouldContain(problem);
    }

    [Theory]
    [InlineData("matchExact", null, null, "r.io/a:1", "r.io/a:1", true)]
    [InlineData("matchExact", null, null, "r.io/a:1", "r.io/a:2", false)]
    [InlineData("matchExact", null, null, "r.io/a@D", "r.io/a:1", false)]
    [InlineData("matchRepoDigestOrExact", null, null, "r.io/a@D", "r.io/a:1", true)]
    [InlineData("matchRepoDigestOrExact", null, null, "r.io/a:1", "r.io/a", false)]
    [InlineData("matchRepository", null, null, "r.io/a:1", "r.io/a", true)]
    [InlineData("matchRepository", null, null, "r.io/a:1", "r.io/a/b:1", false)]
    [InlineData("matchRepository", null, null, "r.io/a:1", null, false)]
    [InlineData("matchDigestOnly", null, null, "r.io/a:1", null, true)]
    [InlineData("exactReference", "v.io/a:1", null, "r.io/a:1", "v.io/a:1", true)]
    [InlineData("exactReference", "v.io/a:1", null, "r.io/a:1", "v.io/a:2", false)]
    [InlineData("exactRepository", "v.io/a", null, "r.io/a:1", "v.io/a:7", true)]
    [InlineData("remapIdentity", "r.io/mirror", "v.io", "r.io/mirror/a:1", "v.io/a:1", true)]
    [InlineData("remapIdentity", "r.io/mirror", "v.io", "r.io/mirror/a:1", "r.io/mirror/a:1", false)]
    [InlineData("remapIdentity", "r.io/mirror", "v.io", "r.io/mirrors/a:1", "r.io/mirrors/a:1", true)]
    [InlineData("remapIdentity", "r.io", "v.io", "r.io:5000/a:1", "v.io:5000/a:1", false)]
    public void A_signature_must_name_the_image_as_its_type_says(string type, string? name, string? prefix, string image, string? signed, bool fits) =>
        new SignedIdentity(type, name, prefix).Fits(ImageReference.Parse(image.Replace("D", "sha256:" + new string('a', 64), StringComparison.Ordinal)), signed).ShouldBe(fits);

    [Theory]
    [InlineData("docker.io/library/busybox", true)]
    [InlineData("docker.io", true)]
    [InlineData("registry-1.docker.io", true)]
    [InlineData("docker.io/team/app", false)]
    [InlineData("docker.io/library/evil", false)]
    [InlineData("a.example.com/x", true)]
    [InlineData("example.com/x", false)]
    [InlineData("other.io/x", false)]
    public void Of_allowed_and_blocked_registries(string name, bool isAllowed)
    {
        var options = new DaemonOptions { AllowedRegistries = ["docker.io/library", "*.example.com"], BlockedRegistries = ["docker.io/library/evil"] };
        if (isAllowed) RegistryAccess.Check(name, options);
        else Should.Throw<WharfException>(() => RegistryAccess.Check(name, options)).Kind.ShouldBe(ErrorKind.Forbidden);
    }

    [Fact]
    public void A_pattern_of_registries_that_fits_none_is_refused() =>
        Should.Throw<WharfException>(() => new DaemonOptions { BlockedRegistries = ["https://docker.io"] }.Validate()).Message.ShouldContain("blocked-registries");

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
