using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.WebLogin;
using Xunit;

namespace Wharf.Tests.Cli.WebLogin;

/// <summary>The device authorization grant against servers that answer well, badly, and not at all.</summary>
public sealed class DeviceAuthorizationTests
{
    private static readonly DeviceCode Code = new() { Device = "d1", User = "A", Place = "https://login.example/", ExpiresIn = 900, Interval = 5 };
    private readonly List<double> _waited = [];

    private DeviceAuthorization Client(LoginServer server) => new(server.Service)
    {
        WaitAsync = (time, cancellation) =>
        {
            _waited.Add(time.TotalSeconds);
            return Task.Delay(1, cancellation);
        },
    };

    [Fact]
    public async Task A_code_is_asked_for_with_the_client_and_what_the_token_is_for()
    {
        await using var server = await LoginServer.StartAsync((200, LoginServer.Code));
        using var client = Client(server);
        var code = await client.BeginAsync(CancellationToken.None);
        (code.User, code.Device, code.Interval).ShouldBe(("ABCD-EFGH", "d1", 5));
        var (path, body, _) = server.Asked.ShouldHaveSingleItem();
        path.ShouldBe("/oauth/device/code");
        body.ShouldBe($"client_id={LoginService.ClientId}&audience={Uri.EscapeDataString(server.Address.AbsoluteUri.TrimEnd('/'))}&scope=openid+offline_access");
    }

    [Fact]
    public async Task Tokens_are_asked_for_until_the_user_has_confirmed()
    {
        const string Pending = """{"error":"authorization_pending","error_description":"not yet"}""";
        await using var server = await LoginServer.StartAsync((403, Pending), (400, Pending), (200, LoginServer.Tokens("alice")));
        using var client = Client(server);
        (await client.TokensAsync(Code, CancellationToken.None)).RefreshToken.ShouldBe("r1");
        _waited.ShouldBe([5, 5, 5]);
        server.Asked.ShouldAllBe(request => request.Path == "/oauth/token" && request.Body.EndsWith("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d1"));
    }

    [Fact]
    public async Task A_server_that_is_asked_too_often_is_asked_five_seconds_later_from_then_on()
    {
        await using var server = await LoginServer.StartAsync((429, """{"error":"slow_down"}"""), (403, """{"error":"authorization_pending"}"""), (200, LoginServer.Tokens("alice")));
        using var client = Client(server);
        await client.TokensAsync(Code, CancellationToken.None);
        _waited.ShouldBe([5, 10, 10]);
    }

    [Theory]
    [InlineData(null, 5)]
    [InlineData(0, 1)]
    [InlineData(int.MaxValue, 300)]
    public async Task The_time_between_two_requests_has_bounds(int? told, double expected)
    {
        await using var server = await LoginServer.StartAsync((200, LoginServer.Tokens("alice")));
        using var client = Client(server);
        await client.TokensAsync(Code with { Interval = told }, CancellationToken.None);
        _waited.ShouldBe([expected]);
    }

    [Theory]
    [InlineData(403, """{"error":"access_denied","error_description":"User \u001b[2Jcancelled"}""", "User [2Jcancelled")]
    [InlineData(400, """{"error":"access_denied"}""", "access_denied")]
    [InlineData(400, """{"error":"expired_token"}""", "timed out waiting for device token: the code has expired")]
    [InlineData(200, "not json", "the login service's answer is not the JSON it should be")]
    [InlineData(200, "null", "the login service's answer is empty")]
    [InlineData(200, """{"access_token":7}""", "the login service's answer is not the JSON it should be")]
    [InlineData(200, """{"access_token":"a.b.c"}""", "the login service's answer has no tokens")]
    [InlineData(502, "<html>", "the login service answers 502")]
    [InlineData(500, """{"error":"server_error","error_description":"broken"}""", "the login service answers 500: broken")]
    public async Task A_login_that_fails_says_why(int status, string body, string message)
    {
        await using var server = await LoginServer.StartAsync((status, body));
        using var client = Client(server);
        (await Should.ThrowAsync<CliException>(() => client.TokensAsync(Code, CancellationToken.None))).Message.ShouldBe(message);
    }

    [Fact]
    public async Task An_answer_without_end_is_not_read_to_its_end()
    {
        await using var server = await LoginServer.StartAsync((200, new string(' ', 2 << 20)));
        using var client = Client(server);
        (await Should.ThrowAsync<CliException>(() => client.TokensAsync(Code, CancellationToken.None))).Message.ShouldBe("the login service's answer is too large");
    }

    [Fact]
    public async Task A_code_that_nobody_confirms_ends_with_its_time()
    {
        await using var server = await LoginServer.StartAsync();
        using var client = new DeviceAuthorization(server.Service) { WaitAsync = (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation) };
        (await Should.ThrowAsync<CliException>(() => client.TokensAsync(Code with { ExpiresIn = 1 }, CancellationToken.None))).Message.ShouldContain("expired");
    }

    [Fact]
    public async Task Who_interrupts_waits_no_longer()
    {
        await using var server = await LoginServer.StartAsync();
        using var interrupted = new CancellationTokenSource();
        using var client = new DeviceAuthorization(server.Service) { WaitAsync = (_, cancellation) => { interrupted.Cancel(); return Task.Delay(Timeout.Infinite, cancellation); } };
        await Should.ThrowAsync<OperationCanceledException>(() => client.TokensAsync(Code, interrupted.Token));
    }

    [Fact]
    public async Task A_redirect_takes_nothing_with_it()
    {
        await using var other = await LoginServer.StartAsync();
        await using var server = await LoginServer.StartAsync((307, ""), (307, ""), (307, ""), (307, ""));
        server.Elsewhere = other.Address.AbsoluteUri;
        using var client = Client(server);
        (await Should.ThrowAsync<CliException>(() => client.BeginAsync(CancellationToken.None))).Message.ShouldBe("the login service answers 307");
        (await Should.ThrowAsync<CliException>(() => client.TokensAsync(Code, CancellationToken.None))).Message.ShouldBe("the login service answers 307");
        (await Should.ThrowAsync<CliException>(() => client.RevokeAsync("r1", "c", CancellationToken.None))).Message.ShouldBe("the login service answers 307");
        (await Should.ThrowAsync<CliException>(() => client.PersonalTokenAsync("a.b.c", CancellationToken.None))).Message.ShouldBe("unexpected response from Hub: 307");
        other.Asked.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"user_code":"A","verification_uri":"https://x/","expires_in":9}""", "has no code")]
    [InlineData("""{"device_code":"d","user_code":"A\u001b","verification_uri":"https://x/","expires_in":9}""", "has no code")]
    [InlineData("""{"device_code":"d","user_code":"A","verification_uri":"https://x/","expires_in":0}""", "has no code")]
    [InlineData("""{"device_code":"d","user_code":"A","verification_uri":"http://evil.example/","expires_in":9}""", "no address to go to")]
    [InlineData("""{"device_code":"d","user_code":"A","verification_uri":"file:///etc/passwd","expires_in":9}""", "no address to go to")]
    [InlineData("""{"device_code":"d","user_code":"A","verification_uri":"--help","expires_in":9}""", "no address to go to")]
    public async Task A_code_that_cannot_be_shown_is_none(string body, string message)
    {
        await using var server = await LoginServer.StartAsync((200, body));
        using var client = Client(server);
        (await Should.ThrowAsync<CliException>(() => client.BeginAsync(CancellationToken.None))).Message.ShouldContain(message);
    }

    [Fact]
    public async Task A_personal_token_is_asked_for_with_the_access_token()
    {
        await using var server = await LoginServer.StartAsync((201, """{"data":{"token":"dckr_pat_1"}}"""), (200, "{}"), (201, "{}"));
        using var client = Client(server);
        (await client.PersonalTokenAsync("a.b.c", CancellationToken.None)).ShouldBe("dckr_pat_1");
        server.Asked[0].ShouldBe(("/v2/access-tokens/desktop-generate", "", "Bearer a.b.c"));
        (await Should.ThrowAsync<CliException>(() => client.PersonalTokenAsync("a.b.c", CancellationToken.None))).Message.ShouldBe("unexpected response from Hub: 200");
        (await Should.ThrowAsync<CliException>(() => client.PersonalTokenAsync("a.b.c", CancellationToken.None))).Message.ShouldBe("Docker Hub's answer has no access token");
    }

    [Fact]
    public async Task Where_nobody_listens_the_address_is_told()
    {
        Uri address;
        await using (var server = await LoginServer.StartAsync()) address = server.Address;
        using var client = new DeviceAuthorization(new LoginService(address, address));
        (await Should.ThrowAsync<CliException>(() => client.BeginAsync(CancellationToken.None))).Message.ShouldStartWith($"{address.Authority}: ");
    }

    [Theory]
    [InlineData("https://login.example", true)]
    [InlineData("http://127.0.0.1:8080", true)]
    [InlineData("http://[::1]", true)]
    [InlineData("http://login.example", false)]
    [InlineData("http://127.0.0.1.example", false)]
    [InlineData("https://me:secret@login.example", false)]
    [InlineData("https://login.example/?a=b", false)]
    [InlineData("ftp://login.example", false)]
    [InlineData("login.example", false)]
    public void Secrets_go_by_TLS_or_stay_on_this_machine(string address, bool isGood) => (LoginService.Parse(address) is not null).ShouldBe(isGood);

    [Theory]
    [InlineData("""{"https://hub.docker.com":{"username":"alice"}}""", "alice")]
    [InlineData("""{"https://hub.docker.com":{"username":"a:b"}}""", null)]
    [InlineData("""{"https://hub.docker.com":{"username":"a\nb"}}""", null)]
    [InlineData("""{"https://hub.docker.com":{"username":7}}""", null)]
    [InlineData("""{"https://hub.docker.com":"alice"}""", null)]
    [InlineData("""{"username":"alice"}""", null)]
    [InlineData("[]", null)]
    [InlineData("{", null)]
    public void The_users_name_is_in_the_access_token(string claims, string? name)
    {
        if (name is not null) AccessToken.Username(LoginServer.AccessToken(claims)).ShouldBe(name);
        else Should.Throw<CliException>(() => AccessToken.Username(LoginServer.AccessToken(claims))).Message.ShouldStartWith("failed to parse token claims: ");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("a.!!.c")]
    [InlineData("a.b.c.d")]
    public void What_is_no_token_is_refused(string token) => Should.Throw<CliException>(() => AccessToken.Username(token)).Message.ShouldStartWith("failed to parse token claims: ");
}
