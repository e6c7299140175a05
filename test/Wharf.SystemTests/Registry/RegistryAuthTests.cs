using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Who may do what: htpasswd, tokens, robots, certificates, policies.</summary>
public sealed class RegistryAuthTests
{
    private const string Policies = """
        "admins": ["root"], "policies": [
          { "repository": "team/**", "users": ["alice"], "allow": ["*"] }, { "repository": "team/**", "users": ["bob"], "allow": ["write"] },
          { "repository": "public/*", "users": ["anonymous"], "allow": ["read"] }, { "repository": "**", "users": ["root"], "allow": ["*"] } ]
        """;

    private static async Task<string> HtpasswdAsync(string directory)
    {
        var path = Path.Combine(directory, "htpasswd");
        foreach (var user in (string[])["alice", "bob", "root"])
            await File.AppendAllTextAsync(path, (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", user], Encoding.UTF8.GetBytes($"{user}-secret\n"))).ShouldExit(0).Out);
        return path;
    }

    private static async Task<RegistryProcess> StartAsync(string auth, string rest = "")
    {
        var registry = new RegistryProcess();
        await HtpasswdAsync(registry.Root);
        await registry.StartAsync($$"""{ "auth": { "htpasswd": "ROOT/htpasswd", {{Policies}} {{auth}} } {{rest}} }""");
        return registry;
    }

    private static (string, string) Basic(string user, string? password = null) => ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password ?? user + "-secret"}")));

    private static async Task PushAsync(RegistryApi api, string name, (string, string) login, int expected = 201)
    {
        var response = await api.SendAsync("POST", $"/v2/{name}/blobs/uploads/?digest={RegistryApi.DigestOf(RegistryApi.Empty)}", RegistryApi.Empty, headers: [login]);
        ((int)response.StatusCode).ShouldBe(expected, await response.Content.ReadAsStringAsync());
        if (expected != 201) return;
        var manifest = Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"mediaType":"{{RegistryApi.OciManifest}}","config":{"mediaType":"{{RegistryApi.EmptyType}}","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":2},"layers":[]}""");
        await (await api.SendAsync("PUT", $"/v2/{name}/manifests/v1", manifest, RegistryApi.OciManifest, headers: [login])).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_users_key_stands_for_the_password_until_it_ends()
    {
        await using var registry = await StartAsync(", \"token\": {}");
        using var api = new RegistryApi(registry.Url);
        var made = await api.SendAsync("POST", "/api/keys", """{"label":"laptop"}"""u8.ToArray(), "application/json", headers: [Basic("alice")]);
        await made.ShouldBeAsync(HttpStatusCode.Created);
        var key = await made.JsonAsync();
        var (id, secret) = (key.GetProperty("id").GetString()!, key.GetProperty("key").GetString()!);
        await PushAsync(api, "team/key", Basic("alice", secret));
        await PushAsync(api, "other/key", Basic("alice", secret), 403);
        await PushAsync(api, "team/key", Basic("bob", secret), 401);
        await PushAsync(api, "team/key", Basic("alice", secret[..^1] + (secret[^1] == '0' ? '1' : '0')), 401);
        // With the token service, too.
        (await api.SendAsync("GET", "/token?service=wharf-registry&scope=repository:team/key:pull", headers: [Basic("alice", secret)])).StatusCode.ShouldBe(HttpStatusCode.OK);
        await (await api.SendAsync("POST", "/api/keys", "{}"u8.ToArray(), "application/json", headers: [Basic("alice", secret)])).ShouldRefuseAsync(403, "DENIED");
        (await api.SendAsync("POST", "/api/keys", "{}"u8.ToArray(), "application/json")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        var list = await (await api.SendAsync("GET", "/api/keys", headers: [Basic("alice")])).Content.ReadAsStringAsync();
        list.ShouldContain("laptop");
        list.ShouldNotContain(secret);
        (await (await api.SendAsync("GET", "/api/keys", headers: [Basic("bob")])).Content.ReadAsStringAsync()).ShouldBe("[]");
        (await api.SendAsync("POST", "/api/keys", """{"expires":"2020-01-01T00:00:00Z"}"""u8.ToArray(), "application/json", headers: [Basic("alice")])).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await api.SendAsync("DELETE", $"/api/keys/{id}", headers: [Basic("bob")])).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await api.SendAsync("DELETE", $"/api/keys/{id}", headers: [Basic("alice")])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await PushAsync(api, "team/key", Basic("alice", secret), 401);
    }

    [Fact]
    public async Task Passwords_and_policies_decide_what_a_user_may_do()
    {
        await using var registry = await StartAsync("");
        using var api = new RegistryApi(registry.Url);
        var unasked = await api.GetAsync("/v2/");
        await unasked.ShouldRefuseAsync(401, "UNAUTHORIZED");
        unasked.Header("WWW-Authenticate").ShouldBe("Basic realm=\"Wharf Registry\"");
        (await api.SendAsync("GET", "/v2/", headers: [Basic("alice")])).StatusCode.ShouldBe(HttpStatusCode.OK);
        await (await api.SendAsync("GET", "/v2/", headers: [Basic("alice", "wrong")])).ShouldRefuseAsync(401, "UNAUTHORIZED");
        await (await api.SendAsync("GET", "/v2/", headers: [Basic("nobody", "wrong")])).ShouldRefuseAsync(401, "UNAUTHORIZED");

        await PushAsync(api, "team/app", Basic("alice"));
        await PushAsync(api, "team/app", Basic("bob"));
        await PushAsync(api, "other/app", Basic("bob"), 403);
        await PushAsync(api, "public/app", Basic("root"));
        (await api.SendAsync("GET", "/v2/team/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await api.SendAsync("GET", "/v2/public/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK, "anybody may read there");
        await (await api.SendAsync("DELETE", "/v2/team/app/manifests/v1", headers: [Basic("bob")])).ShouldRefuseAsync(403, "DENIED");
        (await api.SendAsync("POST", $"/v2/public/app/blobs/uploads/?mount={RegistryApi.DigestOf(RegistryApi.Empty)}&from=team/app")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await (await api.SendAsync("GET", "/v2/_catalog", headers: [Basic("bob")])).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(name => name.GetString()).ShouldBe(["public/app", "team/app"]);
        (await api.SendAsync("DELETE", "/v2/team/app/manifests/v1", headers: [Basic("alice")])).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await (await api.SendAsync("POST", "/api/collect", headers: [Basic("alice")])).ShouldRefuseAsync(403, "DENIED");
        (await api.SendAsync("POST", "/api/collect", headers: [Basic("root")])).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Guessing_passwords_is_slowed_down()
    {
        await using var registry = await StartAsync(", \"max-failures\": 3, \"failure-window\": \"2s\"");
        using var api = new RegistryApi(registry.Url);
        for (int i = 0; i < 3; i++) (await api.SendAsync("GET", "/v2/", headers: [Basic("alice", "guess" + i)])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        var refused = await api.SendAsync("GET", "/v2/", headers: [Basic("alice")]);
        await refused.ShouldRefuseAsync(429, "TOOMANYREQUESTS");
        await Task.Delay(TimeSpan.FromSeconds(int.Parse(refused.Header("Retry-After")!) + 0.5));
        (await api.SendAsync("GET", "/v2/", headers: [Basic("alice")])).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task The_token_service_grants_what_policies_allow_and_nothing_else()
    {
        await using var registry = await StartAsync(", \"token\": { \"service\": \"test\" }");
        using var api = new RegistryApi(registry.Url);
        var challenge = (await api.GetAsync("/v2/team/app/manifests/v1")).Header("WWW-Authenticate").ShouldNotBeNull();
        challenge.ShouldBe($"Bearer realm=\"{registry.Url.ToString().TrimEnd('/')}/token\",service=\"test\",scope=\"repository:team/app:pull\"");
        var bob = await TokenAsync(api, "repository:team/app:pull,push,delete", Basic("bob"));
        await PushAsync(api, "team/app", bob);
        (await api.SendAsync("GET", "/v2/team/app/manifests/v1", headers: [bob])).StatusCode.ShouldBe(HttpStatusCode.OK);
        var beyond = await api.SendAsync("DELETE", "/v2/team/app/manifests/v1", headers: [bob]);
        beyond.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        beyond.Header("WWW-Authenticate")!.ShouldContain("error=\"insufficient_scope\"");
        (await api.SendAsync("GET", "/v2/team/other/tags/list", headers: [bob])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await api.SendAsync("GET", "/token?service=test&scope=repository:team/app:pull", headers: [Basic("bob", "wrong")])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        var anonymous = await TokenAsync(api, "repository:team/app:pull", null);
        (await api.SendAsync("GET", "/v2/team/app/manifests/v1", headers: [anonymous])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        // A changed signature, and "none" for an algorithm.
        var (_, value) = bob;
        (await api.SendAsync("GET", "/v2/", headers: [("Authorization", value[..^4] + "AAAA")])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        var parts = value["Bearer ".Length..].Split('.');
        var none = Base64Url.EncodeToString("""{"typ":"JWT","alg":"none"}"""u8) + "." + parts[1] + ".";
        (await api.SendAsync("GET", "/v2/", headers: [("Authorization", "Bearer " + none)])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    private static async Task<(string, string)> TokenAsync(RegistryApi api, string scope, (string, string)? login)
    {
        var response = await api.SendAsync("GET", $"/token?service=test&scope={Uri.EscapeDataString(scope)}", headers: login is { } one ? [one] : []);
        await response.ShouldBeAsync(HttpStatusCode.OK);
        return ("Authorization", "Bearer " + (await response.JsonAsync()).GetProperty("token").GetString());
    }

    [Fact]
    public async Task Tokens_of_another_service_are_verified_with_its_JWKS()
    {
        await using var registry = new RegistryProcess();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var q = key.ExportParameters(false).Q;
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "jwks.json"), $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","use":"sig","x":"{{Base64Url.EncodeToString(q.X)}}","y":"{{Base64Url.EncodeToString(q.Y)}}"}]}""");
        await registry.StartAsync("""{ "auth": { "token": { "realm": "https://auth.example.com/token", "service": "svc", "issuer": "iss", "jwks": ["ROOT/jwks.json"] } } }""");
        using var api = new RegistryApi(registry.Url);
        (await api.GetAsync("/v2/")).Header("WWW-Authenticate")!.ShouldStartWith("Bearer realm=\"https://auth.example.com/token\",service=\"svc\"");
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var access = "\"access\":[{\"type\":\"repository\",\"name\":\"a/b\",\"actions\":[\"pull\",\"push\"]}]";
        await PushAsync(api, "a/b", Signed(key, "k1", $"\"iss\":\"iss\",\"aud\":\"svc\",\"exp\":{now + 300},{access}"));
        foreach (var (name, login) in new Dictionary<string, (string, string)>
        {
            ["expired"] = Signed(key, "k1", $"\"iss\":\"iss\",\"aud\":\"svc\",\"exp\":{now - 300},{access}"),
            ["not yet"] = Signed(key, "k1", $"\"iss\":\"iss\",\"aud\":\"svc\",\"exp\":{now + 900},\"nbf\":{now + 300},{access}"),
            ["no end"] = Signed(key, "k1", $"\"iss\":\"iss\",\"aud\":\"svc\",{access}"),
            ["another issuer"] = Signed(key, "k1", $"\"iss\":\"evil\",\"aud\":\"svc\",\"exp\":{now + 300},{access}"),
            ["another service"] = Signed(key, "k1", $"\"iss\":\"iss\",\"aud\":[\"other\"],\"exp\":{now + 300},{access}"),
            ["a stranger's key"] = Signed(stranger, "k1", $"\"iss\":\"iss\",\"aud\":\"svc\",\"exp\":{now + 300},{access}"),
            ["an unknown key"] = Signed(stranger, "k2", $"\"iss\":\"iss\",\"aud\":\"svc\",\"exp\":{now + 300},{access}"),
        })
            (await api.SendAsync("GET", "/v2/a/b/tags/list", headers: [login])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized, name);
    }

    private static (string, string) Signed(ECDsa key, string id, string claims)
    {
        var text = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"typ":"JWT","alg":"ES256","kid":"{{id}}"}""")) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes("{" + claims + "}"));
        return ("Authorization", $"Bearer {text}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}");
    }

    [Fact]
    public async Task Robots_have_what_they_were_given_until_they_are_removed()
    {
        await using var registry = await StartAsync("");
        using var api = new RegistryApi(registry.Url);
        var body = Encoding.UTF8.GetBytes("""{"name":"ci","repository":"team/*","allow":["write"]}""");
        await (await api.SendAsync("POST", "/api/robots", body, "application/json", headers: [Basic("bob")])).ShouldRefuseAsync(403, "DENIED");
        var created = await api.SendAsync("POST", "/api/robots", body, "application/json", headers: [Basic("root")]);
        await created.ShouldBeAsync(HttpStatusCode.Created);
        var secret = await created.JsonAsync();
        var robot = Basic(secret.GetProperty("user").GetString()!, secret.GetProperty("secret").GetString());
        await PushAsync(api, "team/robot", robot);
        await PushAsync(api, "other/robot", robot, 403);
        await (await api.SendAsync("DELETE", "/v2/team/robot/manifests/v1", headers: [robot])).ShouldRefuseAsync(403, "DENIED");
        (await (await api.SendAsync("GET", "/api/robots", headers: [Basic("root")])).Content.ReadAsStringAsync()).ShouldNotContain(secret.GetProperty("secret").GetString()!);
        (await api.SendAsync("DELETE", "/api/robots/ci", headers: [Basic("root")])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await api.SendAsync("GET", "/v2/team/robot/manifests/v1", headers: [robot])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        var shortLived = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { name = "brief", repository = "**", allow = new[] { "read" }, expires = DateTimeOffset.UtcNow.AddSeconds(-1) }));
        var brief = await (await api.SendAsync("POST", "/api/robots", shortLived, "application/json", headers: [Basic("root")])).JsonAsync();
        (await api.SendAsync("GET", "/v2/", headers: [Basic("robot$brief", brief.GetProperty("secret").GetString())])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Client_certificates_are_logins_and_certificates_are_reloaded()
    {
        await using var registry = new RegistryProcess();
        using var authority = new TestCertificates();
        using var strangers = new TestCertificates();
        using var first = authority.Write(registry.Root, "server", "first");
        using var alice = authority.Write(registry.Root, "alice", "alice");
        using var spiffe = authority.Write(registry.Root, "workload", "whatever", "spiffe://example.org/ci");
        using var mallory = strangers.Write(registry.Root, "mallory", "alice");
        authority.WriteAuthority(Path.Combine(registry.Root, "ca.crt"));
        await registry.StartAsync("""
            { "tls": { "certificate": "ROOT/server.crt", "key": "ROOT/server.key", "client-ca": "ROOT/ca.crt" },
              "auth": { "policies": [ { "repository": "team/*", "users": ["alice"], "allow": ["*"] }, { "repository": "ci/*", "users": ["spiffe://example.org/ci"], "allow": ["write"] } ] } }
            """);
        using (var api = new RegistryApi(registry.Url, authority.Handler(alice)))
        {
            await api.PushImageAsync("team/app", "v1", "layer"u8.ToArray());
            await (await api.SendAsync("POST", "/v2/ci/app/blobs/uploads/")).ShouldRefuseAsync(403, "DENIED");
        }
        using (var api = new RegistryApi(registry.Url, authority.Handler(spiffe))) await api.PushImageAsync("ci/app", "v1", "layer"u8.ToArray());
        using (var api = new RegistryApi(registry.Url, authority.Handler())) (await api.GetAsync("/v2/team/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using (var api = new RegistryApi(registry.Url, authority.Handler(mallory))) await Should.ThrowAsync<HttpRequestException>(() => api.GetAsync("/v2/team/app/manifests/v1"));

        using var second = authority.Write(registry.Root, "server", "second");
        var subject = "";
        for (int i = 0; i < 60 && subject != "CN=second"; i++)
        {
            await Task.Delay(200);
            using var api = new RegistryApi(registry.Url, authority.Handler(alice, certificate => subject = certificate.Subject));
            (await api.GetAsync("/v2/team/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        subject.ShouldBe("CN=second");
    }
}
