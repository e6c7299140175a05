using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Trust policies with <c>signedBy</c>: what skopeo signed with GnuPG, judged by the daemon and by skopeo from the same policy.</summary>
public sealed class GpgTrustTests : IAsyncLifetime
{
    private readonly EngineFixture _engine = new();
    private LocalRegistry _registry = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _registry = await LocalRegistry.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri($"http://{_registry.Address}/v2/") };
        Directory.CreateDirectory(At("gpg"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(At("registries.d"));
        await File.WriteAllTextAsync(At("registries.d/lookaside.yaml"), $"default-docker:\n  lookaside: file://{At("lookaside")}\n  lookaside-staging: file://{At("lookaside")}\n");
    }

    public async ValueTask DisposeAsync()
    {
        await CommandResult.RunAsync("gpgconf", ["--homedir", At("gpg"), "--kill", "all"]);
        _http.Dispose();
        await _registry.DisposeAsync();
        await _engine.DisposeAsync();
    }

    private string At(string name) => Path.Combine(_engine.Root, name);

    private Dictionary<string, string> Home => new() { ["GNUPGHOME"] = At("gpg") };

    private async Task KeyAsync(string mail, string algorithm)
    {
        (await CommandResult.RunAsync("gpg", ["--batch", "--passphrase", "", "--quick-gen-key", mail, algorithm, "sign", "never"], environment: Home)).ShouldExit(0);
        (await CommandResult.RunAsync("gpg", ["--batch", "--armor", "--export", "--output", At($"{mail}.asc"), mail], environment: Home)).ShouldExit(0);
    }

    private Task<CommandResult> SkopeoAsync(params string[] args) => CommandResult.RunAsync("skopeo", ["--registries.d", At("registries.d"), .. args], environment: Home);

    /// <summary>Copies an image of its own under a name, and signs it: of one manifest skopeo keeps one signature.</summary>
    private async Task SignAsync(string name, string mail)
    {
        await new RegistryWriter(_http).ImageAsync("source", "v1", [TestTrees.Small(name)]);
        (await SkopeoAsync("--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--sign-by", mail, $"docker://{_registry.Address}/source:v1", $"docker://{_registry.Address}/{name}")).ShouldExit(0);
    }

    [Fact]
    public async Task What_is_signed_by_a_key_that_counts_comes_in_and_the_rest_does_not_as_skopeo_judges()
    {
        await KeyAsync("release@example.com", "ed25519");
        await KeyAsync("second@example.com", "rsa2048");
        await KeyAsync("third@example.com", "nistp256");
        await KeyAsync("stranger@example.com", "ed25519");
        var writer = new RegistryWriter(_http);
        await SignAsync("app:v1", "release@example.com");
        await SignAsync("app:second", "second@example.com");
        await SignAsync("app:third", "third@example.com");
        await writer.ImageAsync("bare", "v1", [TestTrees.Small("bare")]);
        await SignAsync("alien:v1", "stranger@example.com");
        var policy = At("policy.json");
        var at = _registry.Address;
        await File.WriteAllTextAsync(policy, $$"""
            { "default": [{"type": "reject"}],
              "transports": { "docker": {
                "{{at}}": [{"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["{{At("release@example.com.asc")}}", "{{At("second@example.com.asc")}}"] }],
                "{{at}}/app:third": [{"type": "signedBy", "keyType": "GPGKeys", "keyData": "{{Convert.ToBase64String(await File.ReadAllBytesAsync(At("third@example.com.asc")))}}"}],
                "{{at}}/moved": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "{{At("release@example.com.asc")}}", "signedIdentity": {"type": "exactRepository", "dockerRepository": "{{at}}/app"} }] } } }
            """);
        // The same bytes under names that were not signed; the second has the signatures of the first beside it.
        foreach (var name in (string[])["renamed", "moved"])
        {
            (await SkopeoAsync("--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--remove-signatures", $"docker://{at}/app:v1", $"docker://{at}/{name}:v1")).ShouldExit(0);
            foreach (var signed in Directory.GetDirectories(At("lookaside"), "app@*")) await CommandResult.RunAsync("cp", ["-r", signed, signed.Replace("/app@", $"/{name}@", StringComparison.Ordinal)]);
        }
        await _engine.StartOwnAsync("--trust-policy", policy, "--registries-dir", At("registries.d"));
        foreach (var (name, why) in new Dictionary<string, string?>
        {
            ["app:v1"] = null, ["app:second"] = null, ["app:third"] = null, ["moved:v1"] = null,
            ["bare:v1"] = "a signature is required, and there is none", ["alien:v1"] = "it has no signature by", ["renamed:v1"] = "which matchRepoDigestOrExact does not allow",
        })
        {
            var pulled = await _engine.DockerAsync("pull", "-q", $"{at}/{name}");
            var judged = await SkopeoAsync("--policy", policy, "copy", "-q", "--src-tls-verify=false", $"docker://{at}/{name}", $"dir:{At("judged")}");
            judged.ExitCode.ShouldBe(why is null ? 0 : 1, name + judged.Error);
            pulled.ShouldExit(why is null ? 0 : 1);
            if (why is not null) pulled.Error.ShouldContain(why);
        }
        (await _engine.WharfAsync("image", "trust", "show")).ShouldExit(0).Out.ShouldContain("signedBy");
    }

    [Fact]
    public async Task Signatures_come_from_the_web_server_of_the_most_specific_scope_and_one_that_does_not_answer_lets_nothing_in()
    {
        await KeyAsync("release@example.com", "ed25519");
        await SignAsync("team/app:v1", "release@example.com");
        await SignAsync("other/app:v1", "release@example.com");
        await using var site = new FileSite(At("lookaside"));
        await File.WriteAllTextAsync(At("registries.d/lookaside.yaml"), $"""
            default-docker:
              sigstore: file:///nowhere
            docker:
              {_registry.Address}:
                lookaside: http://127.0.0.1:1
              {_registry.Address}/team:
                lookaside: {site.Address}
            """);
        var policy = At("policy.json");
        await File.WriteAllTextAsync(policy, $$"""{ "default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "{{At("release@example.com.asc")}}"}] }""");
        await _engine.StartOwnAsync("--trust-policy", policy, "--registries-dir", At("registries.d"));
        (await _engine.DockerAsync("pull", "-q", $"{_registry.Address}/team/app:v1")).ShouldExit(0);
        (await _engine.DockerAsync("pull", "-q", $"{_registry.Address}/other/app:v1")).ShouldExit(1).Error.ShouldContain("http://127.0.0.1:1/other/app@sha256=");
        await File.WriteAllTextAsync(At("registries.d/more.yaml"), $"docker:\n  {_registry.Address}/other:\n    lookaside: ftp://x\n");
        (await _engine.DockerAsync("pull", "-q", $"{_registry.Address}/other/app:v1")).ShouldExit(1).Error.ShouldContain("is no URL of a lookaside");
    }
}
