using System.Net;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Pulls that need a signature, signed by the real cosign and the real notation.</summary>
public sealed class RegistrySignerTests : IDisposable
{
    private readonly string _keys = Directory.CreateTempSubdirectory("wharf-signer-").FullName;

    public void Dispose() => Directory.Delete(_keys, recursive: true);

    private static async Task RunAsync(RegistryProcess registry, string program, params string[] args)
    {
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = registry.Root, ["XDG_CONFIG_HOME"] = registry.Root, ["DOCKER_CONFIG"] = registry.Root, ["COSIGN_PASSWORD"] = "",
            ["NOTATION_USERNAME"] = "alice", ["NOTATION_PASSWORD"] = "secret",
        };
        (await CommandResult.RunAsync(Programs.Find(program), args, seconds: 120, environment: environment)).ShouldExit(0);
    }

    private static async Task ShouldPullAsync(RegistryApi api, string digest, HttpStatusCode status) => await (await api.SendAsync("GET", $"/v2/prod/app/manifests/{digest}")).ShouldBeAsync(status);

    private static async Task<string> PushAsync(RegistryApi alice, string tag) => RegistryApi.DigestOf(await alice.PushImageAsync("prod/app", tag, Encoding.UTF8.GetBytes(tag)));

    /// <summary>The signed image may be pulled and the other may not, without a login and by a token for nobody.</summary>
    private static async Task ShouldPullOnlyAsync(RegistryApi anybody, string signed, string other, bool tokens)
    {
        await ShouldPullAsync(anybody, signed, HttpStatusCode.OK);
        await ShouldPullAsync(anybody, other, HttpStatusCode.Unauthorized);
        if (!tokens) return;
        anybody.Http.DefaultRequestHeaders.Authorization = new("Bearer", await RegistrySignatureTests.TokenAsync(anybody, "pull,push"));
        await ShouldPullAsync(anybody, signed, HttpStatusCode.OK);
        await ShouldPullAsync(anybody, other, HttpStatusCode.Forbidden);
    }

    /// <summary>As a bundle that refers to the image, which is cosign's form since version 3, and as the tag it was before.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task What_cosign_signs_by_a_key_may_be_pulled(bool asBundle, bool tokens)
    {
        (await CommandResult.RunAsync(Programs.Find("cosign"), ["generate-key-pair", "--output-key-prefix", _keys + "/cosign"], environment: new Dictionary<string, string> { ["COSIGN_PASSWORD"] = "", ["HOME"] = _keys })).ShouldExit(0);
        var (registry, alice, anybody) = await RegistrySignatureTests.StartAsync("\"keys\": [ \"ROOT/release.pub\" ]", tokens, ("release.pub", await File.ReadAllTextAsync(_keys + "/cosign.pub")));
        await using (registry)
        using (alice)
        using (anybody)
        {
            var (signed, other) = (await PushAsync(alice, "v1"), await PushAsync(alice, "v2"));
            await ShouldPullAsync(anybody, signed, HttpStatusCode.Unauthorized);
            await RunAsync(registry, "cosign", "sign", "--yes", "--key", _keys + "/cosign.key", "--use-signing-config=false", "--tlog-upload=false", $"--new-bundle-format={(asBundle ? "true" : "false")}",
                "--allow-http-registry", "--registry-username", "alice", "--registry-password", "secret", $"{registry.Authority}/prod/app@{signed}");
            await ShouldPullOnlyAsync(anybody, signed, other, tokens);
            // And what the registry gives back, cosign finds good.
            await RunAsync(registry, "cosign", "verify", "--key", _keys + "/cosign.pub", "--insecure-ignore-tlog", $"--new-bundle-format={(asBundle ? "true" : "false")}", "--allow-http-registry", $"{registry.Authority}/prod/app@{signed}");
        }
    }

    [Theory]
    [InlineData("jws", false)]
    [InlineData("jws", true)]
    [InlineData("cose", false)]
    public async Task What_notation_signs_by_a_certificate_may_be_pulled(string envelope, bool tokens)
    {
        (await CommandResult.RunAsync(Programs.Find("notation"), ["cert", "generate-test", "--default", "release.example.com"], environment: new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = _keys, ["HOME"] = _keys })).ShouldExit(0);
        var certificate = _keys + "/notation/localkeys/release.example.com.crt";
        var (registry, alice, anybody) = await RegistrySignatureTests.StartAsync("\"notation\": [ { \"roots\": \"ROOT/release.crt\", \"subject\": \"CN=release.example.com\" } ]", tokens, ("release.crt", await File.ReadAllTextAsync(certificate)));
        await using (registry)
        using (alice)
        using (anybody)
        {
            Directory.Move(_keys + "/notation", registry.Root + "/notation");
            await File.WriteAllTextAsync(registry.Root + "/notation/signingkeys.json", $$"""
                { "default": "release", "keys": [ { "name": "release", "keyPath": "{{registry.Root}}/notation/localkeys/release.example.com.key", "certPath": "{{registry.Root}}/notation/localkeys/release.example.com.crt" } ] }
                """);
            var (signed, other) = (await PushAsync(alice, "v1"), await PushAsync(alice, "v2"));
            await ShouldPullAsync(anybody, signed, HttpStatusCode.Unauthorized);
            await RunAsync(registry, "notation", "sign", "--signature-format", envelope, "--insecure-registry", $"{registry.Authority}/prod/app@{signed}");
            await ShouldPullOnlyAsync(anybody, signed, other, tokens);
            await File.WriteAllTextAsync(registry.Root + "/notation/trustpolicy.json", """
                { "version": "1.0", "trustPolicies": [ { "name": "all", "registryScopes": ["*"], "signatureVerification": { "level": "strict" }, "trustStores": ["ca:release.example.com"], "trustedIdentities": ["*"] } ] }
                """);
            await RunAsync(registry, "notation", "verify", "--insecure-registry", $"{registry.Authority}/prod/app@{signed}");
        }
    }
}
