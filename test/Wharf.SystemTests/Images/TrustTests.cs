using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Registry;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Trust policies and blocked registries: what may come in, from a real registry.</summary>
public sealed class TrustTests
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";

    private static HttpClient ClientOf(LocalRegistry registry) => new() { BaseAddress = new Uri($"http://{registry.Address}/v2/") };

    /// <summary>Puts an artifact of one layer into a repository.</summary>
    private static async Task<JsonObject> ArtifactAsync(RegistryWriter writer, string repository, string? tag, byte[] payload, string mediaType, JsonObject annotations, JsonObject? subject = null)
    {
        var layer = await writer.BlobAsync(repository, payload, mediaType);
        layer["annotations"] = annotations;
        var document = new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = Manifest, ["config"] = await writer.BlobAsync(repository, "{}"u8.ToArray(), "application/vnd.oci.image.config.v1+json"), ["layers"] = new JsonArray(layer) };
        if (subject is not null) document["subject"] = subject;
        return await writer.ManifestAsync(repository, tag, document);
    }

    /// <summary>Signs as cosign does with a key: under the tag that the digest makes.</summary>
    private static async Task SignAsync(RegistryWriter writer, string repository, JsonObject image, ECDsa key, string name)
    {
        var digest = image["digest"]!.GetValue<string>();
        var payload = Encoding.UTF8.GetBytes($$$"""{"critical":{"identity":{"docker-reference":"{{{name}}}"},"image":{"docker-manifest-digest":"{{{digest}}}"},"type":"cosign container image signature"},"optional":null}""");
        var signature = Convert.ToBase64String(KeylessSignature.Sign(key, payload));
        await ArtifactAsync(writer, repository, digest.Replace(':', '-') + ".sig", payload, KeylessSignature.MediaType, new JsonObject { ["dev.cosignproject.cosign/signature"] = signature });
    }

    private static byte[][] Layer(string name) => [TestTrees.Small(name)];

    private static int Blobs(EngineFixture engine) => Directory.EnumerateFiles(Path.Combine(engine.DataRoot, "content"), "*", SearchOption.AllDirectories).Count();

    [Fact]
    public async Task What_nobody_who_counts_has_signed_does_not_come_in_by_pull_run_or_build()
    {
        await using var engine = new EngineFixture();
        await using var registry = await LocalRegistry.StartAsync();
        using var http = ClientOf(registry);
        var (writer, at) = (new RegistryWriter(http), registry.Address);
        using ECDsa release = ECDsa.Create(ECCurve.NamedCurves.nistP256), stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(Path.Combine(engine.Root, "release.pub"), release.ExportSubjectPublicKeyInfoPem());
        var policy = Path.Combine(engine.Root, "policy.json");
        await File.WriteAllTextAsync(policy, $$"""
            { "default": [{"type": "reject"}],
              "transports": { "docker": {
                "{{at}}": [{"type": "sigstoreSigned", "keyPath": "{{engine.Root}}/release.pub"}],
                "{{at}}/team": [{"type": "sigstoreSigned", "keyPath": "{{engine.Root}}/release.pub", "signedIdentity": {"type": "matchRepository"} }],
                "{{at}}/free": [{"type": "insecureAcceptAnything"}],
                "{{at}}/free/closed": [{"type": "reject"}] } } }
            """);
        await SignAsync(writer, "app", await writer.ImageAsync("app", "v1", Layer("app")), release, $"{at}/app:v1");
        await SignAsync(writer, "app", await writer.ImageAsync("app", "renamed", Layer("renamed")), release, $"{at}/app:v1");
        await SignAsync(writer, "team/app", await writer.ImageAsync("team/app", "v1", Layer("team")), release, $"{at}/team/app");
        await SignAsync(writer, "team/app", await writer.ImageAsync("team/app", "moved", Layer("moved")), release, $"{at}/other/app");
        await SignAsync(writer, "team/app", await writer.ImageAsync("team/app", "foreign", Layer("foreign")), stranger, $"{at}/team/app");
        foreach (var name in (string[])["bare", "free/app", "free/closed"]) await writer.ImageAsync(name, "v1", Layer(name));
        await engine.StartOwnAsync("--trust-policy", policy);
        using var api = new EngineApi(engine.SocketPath);
        int blobs = Blobs(engine);
        foreach (var (name, why) in new Dictionary<string, string>
        {
            ["bare:v1"] = $"\"{at}\": a signature is required, and there is none", ["app:renamed"] = $"\"{at}\": {engine.Root}/release.pub signed it as \"{at}/app:v1\", which matchRepoDigestOrExact does not allow",
            ["team/app:moved"] = $"signed it as \"{at}/other/app\", which matchRepository does not allow", ["team/app:foreign"] = $"\"{at}/team\": it has no signature by {engine.Root}/release.pub", ["free/closed:v1"] = $"\"{at}/free/closed\": images of it are rejected",
        })
        {
            var parts = name.Split(':');
            var refused = await api.PostAsync($"/images/create?fromImage={at}/{parts[0]}&tag={parts[1]}");
            refused.StreamError.ShouldNotBeNull(name).ShouldBe($"{at}/{name} is refused by the trust policy {policy}, {(why[0] == '"' ? why : $"\"{at}/team\": {engine.Root}/release.pub {why}")}");
            if (HasJudge(name)) (await SkopeoAsync(name)).ShouldExit(1).Error.ShouldContain("is rejected by policy");
        }
        (await engine.WharfAsync("run", "--rm", $"{at}/bare:v1", "true")).ShouldExit(125).Error.ShouldContain("is refused by the trust policy");
        (await engine.WharfAsync("artifact", "pull", $"{at}/bare:v1")).ShouldExit(1).Error.ShouldContain("is refused by the trust policy");
        var dockerfile = Encoding.UTF8.GetBytes($"FROM {at}/bare:v1\nLABEL a=b\n");
        var classic = (await CommandResult.RunAsync("docker", ["-H", engine.Host, "build", "-"], dockerfile, environment: new Dictionary<string, string> { ["DOCKER_BUILDKIT"] = "0" })).ShouldExit(1);
        foreach (var built in (CommandResult[])[classic, (await engine.WharfAsync(dockerfile, "build", "-")).ShouldExit(1)]) (built.Out + built.Error).ShouldContain("is refused by the trust policy");
        (await api.GetAsync("/images/json?all=1")).Json.AsArray().Count.ShouldBe(0);
        Blobs(engine).ShouldBe(blobs);
        foreach (var name in (string[])["app:v1", "team/app:v1", "free/app:v1"])
        {
            (await engine.DockerAsync("pull", "-q", $"{at}/{name}")).ShouldExit(0);
            if (HasJudge(name)) (await SkopeoAsync(name)).ShouldExit(0);
        }

        // Debian's skopeo is built without sigstore: it judges scopes.
        static bool HasJudge(string name) => name.StartsWith("free/", StringComparison.Ordinal);

        Task<CommandResult> SkopeoAsync(string name) =>
            CommandResult.RunAsync("skopeo", ["copy", "--policy", policy, "--src-tls-verify=false", "-q", $"docker://{at}/{name}", $"dir:{engine.Root}/copy"]);
    }

    [Fact]
    public async Task A_signature_of_the_index_is_one_of_its_images_and_Notations_envelopes_sign_too()
    {
        await using var engine = new EngineFixture();
        await using var registry = await LocalRegistry.StartAsync();
        using var http = ClientOf(registry);
        var (writer, at) = (new RegistryWriter(http), registry.Address);
        using var release = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = new SigningAuthority();
        await File.WriteAllTextAsync(Path.Combine(engine.Root, "roots.pem"), authority.Root.ExportCertificatePem());
        var policy = Path.Combine(engine.Root, "policy.json");
        await File.WriteAllTextAsync(policy, $$"""
            { "default": [{"type": "reject"}],
              "transports": { "docker": {
                "{{at}}/index": [{"type": "sigstoreSigned", "keyData": "{{Convert.ToBase64String(Encoding.UTF8.GetBytes(release.ExportSubjectPublicKeyInfoPem()))}}"}],
                "{{at}}/notation": [{"type": "notationSigned", "caPath": "{{engine.Root}}/roots.pem", "subject": "CN=release,O=Example"}] } } }
            """);
        var image = await writer.ImageAsync("index", "one", Layer("one"));
        image["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = "amd64" };
        var index = await writer.ManifestAsync("index", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = new JsonArray(image) });
        await SignAsync(writer, "index", index, release, $"{at}/index:v1");
        // A registry without referrers: a tag of the subject's lists what refers to it.
        foreach (var (tag, subject) in new Dictionary<string, string> { ["good"] = "C=DE, O=Example, CN=release", ["bad"] = "C=DE, O=Example, CN=test" })
        {
            var signed = await writer.ImageAsync("notation", tag, Layer(tag));
            var digest = signed["digest"]!.GetValue<string>();
            var envelope = authority.Envelope("ES256", subject, digest, signed["size"]!.GetValue<int>(), "2096-01-01T00:00:00Z");
            var referrer = await ArtifactAsync(writer, "notation", null, envelope, "application/jose+json", [], (JsonObject)signed.DeepClone());
            referrer["artifactType"] = "application/vnd.cncf.notary.signature";
            await writer.ManifestAsync("notation", digest.Replace(':', '-'), new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = new JsonArray(referrer) });
        }
        await engine.StartOwnAsync("--trust-policy", policy);
        (await engine.DockerAsync("pull", "-q", $"{at}/index:v1")).ShouldExit(0);
        (await engine.DockerAsync("pull", "-q", $"{at}/index:one")).ShouldExit(1).Error.ShouldContain("a signature is required, and there is none");
        (await engine.DockerAsync("pull", "-q", $"{at}/notation:good")).ShouldExit(0);
        (await engine.DockerAsync("pull", "-q", $"{at}/notation:bad")).ShouldExit(1).Error.ShouldContain("it has no signature by CN=release,O=Example");
        var saved = Path.Combine(engine.Root, "saved.tar");
        (await engine.DockerAsync("save", "-o", saved, $"{at}/index:v1")).ShouldExit(0);
        (await engine.DockerAsync("load", "-i", saved)).ShouldExit(1).Error.ShouldContain("the archive is refused by the trust policy");
        var shown = (await engine.WharfAsync("image", "trust", "show")).ShouldExit(0).Out;
        shown.ShouldContain($"Trust policy: {policy}");
        shown.ShouldMatch($@"docker\s+{at}/notation\s+notationSigned\s+CN=release,O=Example");
        shown.ShouldMatch(@"all\s+default\s+reject");
    }

    /// <summary>Every image but one has a signature that is wrong in one thing: whoever weakens one check of keyless signatures sees one of them come in.</summary>
    [Fact]
    public async Task Without_a_key_only_the_one_whom_the_right_authority_and_issuer_name_signs_and_in_the_certificates_time()
    {
        const string Issuer = "https://ci.example.com", Workflow = Issuer + "/team/app/.workflows/release.yml@refs/tags/v1", Elsewhere = "https://elsewhere.example.com";
        await using var engine = new EngineFixture();
        await using var registry = await LocalRegistry.StartAsync();
        using var http = ClientOf(registry);
        var (writer, at) = (new RegistryWriter(http), registry.Address);
        using SigningAuthority fulcio = new(), stranger = new();
        using ECDsa rekor = ECDsa.Create(ECCurve.NamedCurves.nistP256), otherLog = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(Path.Combine(engine.Root, "fulcio.pem"), fulcio.Root.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(engine.Root, "rekor.pub"), rekor.ExportSubjectPublicKeyInfoPem());
        var policy = Path.Combine(engine.Root, "policy.json");
        await File.WriteAllTextAsync(policy, $$"""
            { "default": [{"type": "reject"}],
              "transports": { "docker": {
                "{{at}}/app": [{"type": "sigstoreSigned", "rekorPublicKeyPath": "{{engine.Root}}/rekor.pub", "fulcio": {"caPath": "{{engine.Root}}/fulcio.pem", "oidcIssuer": "{{Issuer}}", "identity": "{{Issuer}}/team/*"} }] } } }
            """);
        var from = DateTimeOffset.UtcNow.AddDays(-2);
        async Task SignAsync(string tag, string? identity = null, string? issuer = null, SigningAuthority? by = null, ECDsa? log = null, int minutes = 3, bool isLogged = true, string? name = null, string? says = null)
        {
            var digest = (await writer.ImageAsync("app", tag, Layer(tag)))["digest"]!.GetValue<string>();
            var signature = KeylessSignature.Make(by ?? fulcio, log ?? rekor, says ?? digest, $"{at}/app:{name ?? tag}", identity ?? Workflow, issuer ?? Issuer, from, from.AddMinutes(minutes), isLogged);
            await ArtifactAsync(writer, "app", digest.Replace(':', '-') + ".sig", signature.Payload, KeylessSignature.MediaType, new JsonObject(signature.Annotations.Select(static pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))));
        }

        await SignAsync("good");
        await SignAsync("identity", identity: Elsewhere + "/team/app");
        await SignAsync("issuer", issuer: Elsewhere);
        await SignAsync("authority", by: stranger);
        await SignAsync("expired", minutes: 20);
        await SignAsync("early", minutes: -20);
        await SignAsync("log", log: otherLog);
        await SignAsync("unlogged", isLogged: false);
        await SignAsync("foreign", says: HostileServer.DigestOf([1]));
        await SignAsync("renamed", name: "good");
        await writer.ImageAsync("app", "bare", Layer("bare"));
        await engine.StartOwnAsync("--trust-policy", policy);
        using var api = new EngineApi(engine.SocketPath);
        int blobs = Blobs(engine);
        foreach (var tag in (string[])["identity", "issuer", "authority", "expired", "early", "log", "unlogged", "foreign", "renamed", "bare"])
        {
            var why = tag switch
            {
                "renamed" => $"{Workflow} signed it as \"{at}/app:good\", which matchRepoDigestOrExact does not allow",
                "bare" => "a signature is required, and there is none",
                _ => $"it has no signature by {Issuer}/team/* ({Issuer})",
            };
            (await api.PostAsync($"/images/create?fromImage={at}/app&tag={tag}")).StreamError.ShouldNotBeNull(tag).ShouldBe($"{at}/app:{tag} is refused by the trust policy {policy}, \"{at}/app\": {why}");
        }
        (await api.GetAsync("/images/json?all=1")).Json.AsArray().Count.ShouldBe(0);
        Blobs(engine).ShouldBe(blobs);
        (await engine.DockerAsync("pull", "-q", $"{at}/app:good")).ShouldExit(0);
    }

    /// <summary>cosign 2's form gives the image a name without a tag, the bundles of cosign 3 none.</summary>
    [Theory]
    [InlineData(false, "matchRepository")]
    [InlineData(true, "matchDigestOnly")]
    public async Task What_the_real_cosign_signs_comes_in(bool asBundle, string identity)
    {
        var cosign = Programs.Find("cosign");
        await using var engine = new EngineFixture();
        await using var registry = await LocalRegistry.StartAsync();
        using var http = ClientOf(registry);
        var (writer, at) = (new RegistryWriter(http), registry.Address);
        var environment = new Dictionary<string, string> { ["COSIGN_PASSWORD"] = "", ["HOME"] = engine.Root, ["DOCKER_CONFIG"] = engine.Root };
        (await CommandResult.RunAsync(cosign, ["generate-key-pair", "--output-key-prefix", engine.Root + "/cosign"], environment: environment)).ShouldExit(0);
        var policy = Path.Combine(engine.Root, "policy.json");
        await File.WriteAllTextAsync(policy, $$"""
            { "default": [{"type": "reject"}],
              "transports": { "docker": {
                "{{at}}/app": [{"type": "sigstoreSigned", "keyPath": "{{engine.Root}}/cosign.pub", "signedIdentity": {"type": "{{identity}}"} }],
                "{{at}}/app:strict": [{"type": "sigstoreSigned", "keyPath": "{{engine.Root}}/cosign.pub"}] } } }
            """);
        await writer.ImageAsync("app", "other", Layer("other"));
        foreach (var tag in (string[])["v1", "strict"])
        {
            var digest = (await writer.ImageAsync("app", tag, Layer(tag)))["digest"]!.GetValue<string>();
            (await CommandResult.RunAsync(cosign, ["sign", "--yes", "--key", engine.Root + "/cosign.key", "--use-signing-config=false", "--tlog-upload=false", $"--new-bundle-format={(asBundle ? "true" : "false")}", "--allow-http-registry", $"{at}/app@{digest}"], environment: environment)).ShouldExit(0);
        }
        await engine.StartOwnAsync("--trust-policy", policy);
        (await engine.DockerAsync("pull", "-q", $"{at}/app:v1")).ShouldExit(0);
        (await engine.DockerAsync("pull", "-q", $"{at}/app:other")).ShouldExit(1).Error.ShouldContain("a signature is required, and there is none");
        (await engine.DockerAsync("pull", "-q", $"{at}/app:strict")).ShouldExit(1).Error.ShouldContain("which matchRepoDigestOrExact does not allow");
    }

    [Fact]
    public async Task Blocked_registries_are_not_spoken_to_and_of_allowed_ones_no_others()
    {
        await using var engine = new EngineFixture();
        await using var registry = await LocalRegistry.StartAsync();
        using var http = ClientOf(registry);
        var at = registry.Address;
        foreach (var name in (string[])["good/app", "good/bad"]) await new RegistryWriter(http).ImageAsync(name, "v1", Layer(name));
        var config = Path.Combine(engine.Root, "daemon.json");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new Dictionary<string, string[]> { ["blocked-registries"] = [$"{at}/good/bad", "*.example.com"], ["allowed-registries"] = [$"{at}/good", "*.example.com"] }));
        await engine.StartOwnAsync("--config-file", config);
        (await engine.DockerAsync("pull", "-q", $"{at}/good/app:v1")).ShouldExit(0);
        (await engine.DockerAsync("pull", $"{at}/good/bad:v1")).ShouldExit(1).Error.ShouldContain($"registry {at} is blocked by this engine's blocked-registries ({at}/good/bad)");
        (await engine.DockerAsync("pull", "registry.example.com/app")).ShouldExit(1).Error.ShouldContain("registry registry.example.com is blocked");
        (await engine.DockerAsync("pull", "busybox")).ShouldExit(1).Error.ShouldContain("docker.io/library/busybox is not among this engine's allowed-registries");
        (await engine.WharfAsync("artifact", "pull", $"{at}/good/bad:v1")).ShouldExit(1).Error.ShouldContain($"registry {at} is blocked");
        (await engine.WharfAsync("search", "--list-tags", $"{at}/good/bad")).ShouldExit(1).Error.ShouldContain($"registry {at} is blocked");
        (await engine.DockerAsync("search", "busybox")).ShouldExit(1).Error.ShouldContain("docker.io is not among this engine's allowed-registries");
        (await engine.DockerAsync("tag", $"{at}/good/app:v1", $"{at}/else:v1")).ShouldExit(0);
        (await engine.DockerAsync("push", $"{at}/else:v1")).ShouldExit(1).Error.ShouldContain("is not among this engine's allowed-registries");
        (await engine.WharfAsync("image", "trust", "show")).ShouldExit(0).Out.ShouldContain($"Blocked registries: {at}/good/bad, *.example.com");
    }
}
