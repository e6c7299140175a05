using System.Buffers.Text;
using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Who people and jobs are elsewhere (OpenID Connect, LDAP), and whose signatures count.</summary>
public sealed class RegistryIdentityTests
{
    private static (string, string) Basic(string user, string password) => ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private static string IdToken(ECDsa key, string claims)
    {
        var text = Base64Url.EncodeToString("""{"alg":"ES256","kid":"k1"}"""u8) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes("{" + claims + "}"));
        return $"{text}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
    }

    [Fact]
    public async Task ID_tokens_of_an_issuer_are_passwords_and_groups_have_rights()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var q = key.ExportParameters(false).Q;
        var keys = $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"{{Base64Url.EncodeToString(q.X)}}","y":"{{Base64Url.EncodeToString(q.Y)}}"}]}""";
        await using var registry = new RegistryProcess();
        using var issuer = new HttpAnswers(request => request.EndsWith("/.well-known/openid-configuration", StringComparison.Ordinal) ? $$"""{"issuer":"{{new Uri(new Uri(request), "/").ToString().TrimEnd('/')}}","jwks_uri":"{{new Uri(new Uri(request), "/keys")}}"}""" : keys);
        await registry.StartAsync($$"""
            { "auth": { "oidc": [ { "issuer": "{{issuer.Url}}", "audience": "registry", "prefix": "ci:" } ],
              "policies": [ { "repository": "team/*", "users": ["ci:repo:team/app"], "allow": ["write"] }, { "repository": "ops/*", "users": ["@ci:ops"], "allow": ["*"] } ] } }
            """);
        using var api = new RegistryApi(registry.Url);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string Claims(string more = "", string audience = "registry", long expires = 300) => $"\"iss\":\"{issuer.Url}\",\"aud\":\"{audience}\",\"exp\":{now + expires},\"sub\":\"repo:team/app\"{more}";
        Task<HttpResponseMessage> Begin(string name, (string, string) login) => api.SendAsync("POST", $"/v2/{name}/blobs/uploads/", headers: [login]);
        await (await Begin("team/app", Basic("anything", IdToken(key, Claims())))).ShouldBeAsync(HttpStatusCode.Accepted);
        await (await Begin("team/app", ("Authorization", "Bearer " + IdToken(key, Claims())))).ShouldBeAsync(HttpStatusCode.Accepted);
        await (await Begin("ops/app", Basic("anything", IdToken(key, Claims())))).ShouldRefuseAsync(403, "DENIED");
        await (await Begin("ops/app", Basic("anything", IdToken(key, Claims(",\"groups\":[\"dev\",\"ops\"]"))))).ShouldBeAsync(HttpStatusCode.Accepted);
        foreach (var (name, token) in new Dictionary<string, string>
        {
            ["a stranger's"] = IdToken(stranger, Claims()), ["expired"] = IdToken(key, Claims(expires: -300)), ["for another service"] = IdToken(key, Claims(audience: "other")), ["of nobody"] = IdToken(key, $"\"iss\":\"{issuer.Url}\",\"aud\":\"registry\",\"exp\":{now + 300}"),
        })
            (await Begin("team/app", Basic("anything", token))).StatusCode.ShouldBe(HttpStatusCode.Unauthorized, name);
    }

    [Fact]
    public async Task People_log_in_at_an_issuer_in_their_browser()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var q = key.ExportParameters(false).Q;
        var keys = $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"{{Base64Url.EncodeToString(q.X)}}","y":"{{Base64Url.EncodeToString(q.Y)}}"}]}""";
        string token = "", form = "";
        using var issuer = new HttpAnswers(request =>
        {
            var at = new Uri(new Uri(request), "/").ToString();
            if (request.EndsWith("/.well-known/openid-configuration", StringComparison.Ordinal)) return $$"""{"jwks_uri":"{{at}}keys","authorization_endpoint":"{{at}}authorize?tenant=1","token_endpoint":"{{at}}token"}""";
            return request.EndsWith("/token", StringComparison.Ordinal) ? $$"""{"id_token":"{{token}}","token_type":"Bearer"}""" : keys;
        }, (path, body) => form = path == "/token" ? body : form);
        await using var registry = await RegistryProcess.WharfAsync($$"""
            { "auth": { "oidc": [ { "issuer": "{{issuer.Url}}", "audience": "registry", "prefix": "", "login": { "label": "Example", "scopes": ["email"] } } ],
              "policies": [ { "repository": "team/*", "users": ["alice"], "allow": ["write"] } ] } }
            """);
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = registry.Url };
        using var api = new RegistryApi(registry.Url);
        (await (await api.GetAsync("/api/whoami")).Content.ReadAsStringAsync()).ShouldContain("\"logins\":[\"Example\"]");

        async Task<(Dictionary<string, string> Query, string Cookie)> BeginAsync()
        {
            using var begun = await http.GetAsync("/login/oidc?issuer=0");
            begun.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
            begun.Headers.Location!.ToString().ShouldStartWith(issuer.Url + "/authorize?tenant=1&response_type=code&client_id=registry&");
            var cookie = begun.Headers.GetValues("Set-Cookie").Single();
            cookie.ShouldContain("HttpOnly; SameSite=Lax");
            return (begun.Headers.Location.Query.TrimStart('?').Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1])), cookie.Split(';')[0]);
        }

        async Task<HttpResponseMessage> BackAsync(string state, string? cookie)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/login/callback?code=c0de&state={state}");
            if (cookie is not null) request.Headers.Add("Cookie", cookie);
            return await http.SendAsync(request);
        }

        string TokenWith(string nonce) => IdToken(key, $"\"iss\":\"{issuer.Url}\",\"aud\":\"registry\",\"exp\":{DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 300},\"sub\":\"alice\",\"nonce\":\"{nonce}\"");
        var (query, login) = await BeginAsync();
        (query["redirect_uri"], query["scope"], query["code_challenge_method"]).ShouldBe((new Uri(registry.Url, "/login/callback").ToString(), "openid email", "S256"));
        // Not of this browser, then not this login's token: refused, and the state is used up.
        (await BackAsync(query["state"], null)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await BackAsync(query["state"], "wharf-login=other")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        token = TokenWith("another");
        (await BackAsync(query["state"], login)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        token = TokenWith(query["nonce"]);
        (await BackAsync(query["state"], login)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (query, login) = await BeginAsync();
        token = TokenWith(query["nonce"]);
        var back = await BackAsync(query["state"], login);
        back.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        var sent = form.Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(sent["code_verifier"]))).ShouldBe(query["code_challenge"]);
        var word = back.Headers.Location!.ToString();
        word.ShouldStartWith("/#/login/");
        var taken = await api.SendAsync("POST", "/login/token", Encoding.ASCII.GetBytes(word["/#/login/".Length..]));
        await taken.ShouldBeAsync(HttpStatusCode.OK);
        (await api.SendAsync("POST", "/login/token", Encoding.ASCII.GetBytes(word["/#/login/".Length..]))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        var password = (await taken.JsonAsync()).GetProperty("token").GetString()!;
        await (await api.SendAsync("POST", "/v2/team/app/blobs/uploads/", headers: [Basic("oidc", password)])).ShouldBeAsync(HttpStatusCode.Accepted);
        (await (await api.SendAsync("GET", "/api/whoami", headers: [Basic("oidc", password)])).Content.ReadAsStringAsync()).ShouldContain("\"name\":\"alice\"");
        (await http.GetAsync("/login/oidc?issuer=7")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_browser_follows_the_link_to_the_issuer_and_comes_back_logged_in()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var q = key.ExportParameters(false).Q;
        var nonce = "";
        using var issuer = new HttpAnswers(request =>
        {
            var at = new Uri(new Uri(request), "/").ToString();
            if (request.EndsWith("/.well-known/openid-configuration", StringComparison.Ordinal)) return $$"""{"jwks_uri":"{{at}}keys","authorization_endpoint":"{{at}}authorize","token_endpoint":"{{at}}token"}""";
            if (request.EndsWith("/token", StringComparison.Ordinal)) return $$"""{"id_token":"{{IdToken(key, $"\"iss\":\"{at.TrimEnd('/')}\",\"aud\":\"registry\",\"exp\":{DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 300},\"sub\":\"alice\",\"nonce\":\"{nonce}\"")}}","token_type":"Bearer"}""";
            if (!request.Contains("/authorize?", StringComparison.Ordinal)) return $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"{{Base64Url.EncodeToString(q.X)}}","y":"{{Base64Url.EncodeToString(q.Y)}}"}]}""";
            // Who is asked says yes at once.
            var query = new Uri(request).Query.TrimStart('?').Split('&').Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
            nonce = query["nonce"];
            return HttpAnswers.Elsewhere + $"{query["redirect_uri"]}?code=c0de&state={Uri.EscapeDataString(query["state"])}";
        });
        await using var registry = await RegistryProcess.WharfAsync($$"""
            { "auth": { "oidc": [ { "issuer": "{{issuer.Url}}", "audience": "registry", "prefix": "", "login": { "label": "Example" } } ],
              "policies": [ { "repository": "**", "users": ["alice"], "allow": ["*"] } ] } }
            """);
        await using var browser = await Chromium.OpenAsync(registry.Url);
        // Once the list has come: it takes the place of what is shown.
        await browser.UntilAsync("document.querySelector('#user button') && document.getElementById('main').innerText.includes('Nothing here that you may see')");
        await browser.EvaluateAsync("document.querySelector('#user button').click()");
        await browser.UntilAsync("document.querySelector('a.issuer') && document.querySelector('a.issuer').innerText.includes('Log in with Example')");
        await browser.EvaluateAsync("document.querySelector('a.issuer').click()");
        await browser.UntilAsync("document.getElementById('user') && document.getElementById('user').innerText.includes('alice')");
        (await browser.EvaluateAsync("location.href")).GetString()!.ShouldNotContain("/login/", customMessage: "the word that is good once does not stay in the history's address");
        // It lasts as long as the tab, and ends with a click.
        await browser.EvaluateAsync("location.reload()");
        await browser.UntilAsync("document.getElementById('user') && document.getElementById('user').innerText.includes('alice')");
        await browser.EvaluateAsync("document.querySelector('#user button').click()");
        await browser.UntilAsync("document.getElementById('user').innerText === 'Log in'");
    }

    [Fact]
    public async Task An_LDAP_server_checks_passwords()
    {
        using var directory = new LdapAnswers("uid=alice,ou=people,dc=example", "secret");
        await using var registry = await RegistryProcess.WharfAsync($$"""{ "auth": { "ldap": { "url": "ldap://127.0.0.1:{{directory.Port}}", "bind-dn": "uid={user},ou=people,dc=example" } } }""");
        using var api = new RegistryApi(registry.Url);
        for (int i = 0; i < 3; i++) (await api.SendAsync("GET", "/v2/", headers: [Basic("alice", "secret")])).StatusCode.ShouldBe(HttpStatusCode.OK);
        directory.Binds.ShouldBe(["uid=alice,ou=people,dc=example"], "a password that was right is remembered for a while");
        foreach (var (user, password) in ((string, string)[])[("alice", "wrong"), ("bob", "secret"), ("alice,ou=people", "secret"), ("alice", "")])
            (await api.SendAsync("GET", "/v2/", headers: [Basic(user, password)])).StatusCode.ShouldBe(HttpStatusCode.Unauthorized, user + password);
        directory.Binds.ShouldContain("uid=alice\\2cou\\3dpeople,ou=people,dc=example", "a name stays one value");
        directory.Binds.Count.ShouldBe(4, "without a password nobody is asked for");
        directory.Dispose();
        ((int)(await api.SendAsync("GET", "/v2/", headers: [Basic("carol", "secret")])).StatusCode).ShouldBe(503);
        (await api.SendAsync("GET", "/v2/", headers: [Basic("alice", "secret")])).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_no_key_signed_is_for_those_alone_who_may_write()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var registry = new RegistryProcess();
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "release.pub"), key.ExportSubjectPublicKeyInfoPem());
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "htpasswd"), (await Fixtures.CommandResult.RunAsync(Path.Combine(Fixtures.EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", "alice"], Encoding.UTF8.GetBytes("secret\n"))).Out);
        await registry.StartAsync("""
            { "trust": [ { "repository": "prod/*", "keys": ["ROOT/release.pub"] } ],
              "auth": { "htpasswd": "ROOT/htpasswd", "policies": [ { "repository": "**", "users": ["alice"], "allow": ["*"] }, { "repository": "**", "users": ["anonymous"], "allow": ["read"] } ] } }
            """);
        using var alice = new RegistryApi(registry.Url);
        alice.Http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("alice:secret"u8));
        using var anybody = new RegistryApi(registry.Url);
        var child = await alice.PushImageAsync("prod/app", null, "layer"u8.ToArray());
        var index = RegistryApi.Index(child);
        await (await alice.PutManifestAsync("prod/app", "v1", index, RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        (await alice.GetAsync("/v2/prod/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK, "who signs has to see it");
        await (await anybody.GetAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(401, "UNAUTHORIZED");
        // Signed by somebody else, and by the right one for another image.
        await SignAsync(alice, "prod/app", RegistryApi.DigestOf(index), RegistryApi.DigestOf(index), stranger);
        await (await anybody.GetAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(401, "UNAUTHORIZED");
        await SignAsync(alice, "prod/app", RegistryApi.DigestOf(index), RegistryApi.DigestOf(child), key);
        await (await anybody.GetAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(401, "UNAUTHORIZED");
        await SignAsync(alice, "prod/app", RegistryApi.DigestOf(index), RegistryApi.DigestOf(index), key);
        (await anybody.GetAsync("/v2/prod/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await anybody.GetAsync($"/v2/prod/app/manifests/{RegistryApi.DigestOf(child)}")).StatusCode.ShouldBe(HttpStatusCode.OK, "the index names it");
        (await anybody.GetAsync($"/v2/prod/app/manifests/{RegistryApi.DigestOf(index).Replace(':', '-')}.sig")).StatusCode.ShouldBe(HttpStatusCode.OK, "verifiers need it");
        // A subject makes no image a signature.
        var config = JsonSerializer.SerializeToUtf8Bytes(new { architecture = "amd64", os = "linux" });
        await alice.PushBlobAsync("prod/app", config);
        var disguised = Encoding.UTF8.GetBytes($$$"""{"schemaVersion":2,"mediaType":"{{{RegistryApi.OciManifest}}}","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{{RegistryApi.DigestOf(config)}}}","size":{{{config.Length}}}},"layers":[],"subject":{"mediaType":"{{{RegistryApi.OciIndex}}}","digest":"{{{RegistryApi.DigestOf(index)}}}","size":{{{index.Length}}}}}""");
        await (await alice.PutManifestAsync("prod/app", "v2", disguised)).ShouldBeAsync(HttpStatusCode.Created);
        await (await anybody.GetAsync("/v2/prod/app/manifests/v2")).ShouldRefuseAsync(401, "UNAUTHORIZED");
        await alice.PushImageAsync("free/app", "v1", "layer"u8.ToArray());
        (await anybody.GetAsync("/v2/free/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await (await alice.GetAsync("/api/repositories/prod%2Fapp?tag=v1")).JsonAsync()).GetProperty("tags")[0].GetProperty("signers")[0].GetString().ShouldBe("release");
    }

    /// <summary>A signature as <c>cosign sign --key</c> pushes it.</summary>
    private static async Task SignAsync(RegistryApi api, string name, string of, string says, ECDsa key)
    {
        var payload = Encoding.UTF8.GetBytes($$$"""{"critical":{"identity":{"docker-reference":"{{{name}}}"},"image":{"docker-manifest-digest":"{{{says}}}"},"type":"cosign container image signature"},"optional":null}""");
        foreach (var blob in (byte[][])[payload, RegistryApi.Empty]) await api.PushBlobAsync(name, blob);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["schemaVersion"] = 2, ["mediaType"] = RegistryApi.OciManifest, ["config"] = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = RegistryApi.DigestOf(RegistryApi.Empty), size = 2 },
            ["layers"] = new[]
            {
                new Dictionary<string, object>
                {
                    ["mediaType"] = "application/vnd.dev.cosign.simplesigning.v1+json", ["digest"] = RegistryApi.DigestOf(payload), ["size"] = payload.Length,
                    ["annotations"] = new Dictionary<string, string> { ["dev.cosignproject.cosign/signature"] = Convert.ToBase64String(key.SignData(payload, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)) },
                },
            },
        });
        await (await api.PutManifestAsync(name, of.Replace(':', '-') + ".sig", manifest)).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Spans_go_to_a_collector_and_on_with_the_clients_trace()
    {
        var bodies = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var collector = new HttpAnswers(_ => "{}", (path, body) => { if (path.EndsWith("/v1/traces", StringComparison.Ordinal)) bodies.Enqueue(body); });
        await using var registry = await RegistryProcess.WharfAsync($$"""{ "traces": { "endpoint": "{{collector.Url}}", "headers": { "X-Tenant": "a" }, "service": "images" } }""");
        using var api = new RegistryApi(registry.Url);
        const string trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331";
        await api.SendAsync("GET", "/v2/t/app/tags/list", headers: [("traceparent", $"00-{trace}-{parent}-01")]);
        await api.SendAsync("GET", "/v2/t/untraced/tags/list", headers: [("traceparent", $"00-{trace}-{parent}-00")]);
        (await registry.StopAsync()).ShouldBe(0);
        var spans = bodies.SelectMany(body => JsonDocument.Parse(body).RootElement.GetProperty("resourceSpans").EnumerateArray()).ToList();
        spans.ShouldNotBeEmpty();
        spans[0].GetProperty("resource").GetProperty("attributes")[0].GetProperty("value").GetProperty("stringValue").GetString().ShouldBe("images");
        var all = spans.SelectMany(entry => entry.GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray()).ToList();
        var one = all.Single(span => span.GetProperty("traceId").GetString() == trace);
        one.GetProperty("parentSpanId").GetString().ShouldBe(parent);
        one.GetProperty("name").GetString().ShouldBe("GET Tags");
        var attributes = one.GetProperty("attributes").EnumerateArray().ToDictionary(entry => entry.GetProperty("key").GetString()!, entry => entry.GetProperty("value").ToString());
        attributes["oci.repository"].ShouldContain("t/app");
        attributes["http.response.status_code"].ShouldContain("404");
        long.Parse(one.GetProperty("endTimeUnixNano").GetString()!).ShouldBeGreaterThan(long.Parse(one.GetProperty("startTimeUnixNano").GetString()!));
    }

    [Fact]
    public async Task Repositories_are_found_by_a_part_of_their_name()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        foreach (var name in (string[])["team/web", "team/api", "web"]) await api.PushImageAsync(name, "v1", "x"u8.ToArray());
        var answer = await (await (await api.GetAsync("/v1/search?q=Web&n=25")).ShouldBeAsync(HttpStatusCode.OK)).JsonAsync();
        answer.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("name").GetString()).ShouldBe(["team/web", "web"]);
        answer.GetProperty("num_results").GetInt32().ShouldBe(2);
    }

    /// <summary>Answers binds to one entry with one password.</summary>
    private sealed class LdapAnswers : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _binds = new();

        public LdapAnswers(string dn, string password)
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        using var client = await _listener.AcceptTcpClientAsync();
                        var buffer = new byte[4096];
                        int count = await client.GetStream().ReadAsync(buffer);
                        var message = new AsnReader(buffer.AsMemory(0, count), AsnEncodingRules.BER).ReadSequence();
                        message.TryReadInt32(out int id);
                        var bind = message.ReadSequence(new Asn1Tag(TagClass.Application, 0, true));
                        bind.TryReadInt32(out int version);
                        var name = Encoding.UTF8.GetString(bind.ReadOctetString());
                        _binds.Enqueue(name);
                        bool isRight = version == 3 && name == dn && Encoding.UTF8.GetString(bind.ReadOctetString(new Asn1Tag(TagClass.ContextSpecific, 0))) == password;
                        var writer = new AsnWriter(AsnEncodingRules.BER);
                        using (writer.PushSequence())
                        {
                            writer.WriteInteger(id);
                            using (writer.PushSequence(new Asn1Tag(TagClass.Application, 1, true)))
                            {
                                writer.WriteEnumeratedValue(isRight ? Result.Success : Result.InvalidCredentials);
                                writer.WriteOctetString([]);
                                writer.WriteOctetString([]);
                            }
                        }
                        await client.GetStream().WriteAsync(writer.Encode());
                    }
                }
                catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException) { /* stopped */ }
            });
        }

        private enum Result { Success = 0, InvalidCredentials = 49 }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;
        public IReadOnlyList<string> Binds => [.. _binds];
        public void Dispose() => _listener.Stop();
    }
}
