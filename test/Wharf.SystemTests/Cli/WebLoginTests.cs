using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Docker Hub's login in a browser, on a terminal; authorization server, Hub and daemon are stand-ins on this machine.</summary>
public sealed class WebLoginTests(EngineFixture engine)
{
    private const string Hub = "https://index.docker.io/v1/";
    private const string Code = """{"device_code":"d1","user_code":"ABCD-EFGH","verification_uri":"https://login.example/activate","expires_in":60,"interval":1}""";
    private static readonly string Token = $"e30.{Base64Url.EncodeToString("""{"https://hub.docker.com":{"username":"alice"}}"""u8)}.c2ln";

    /// <summary>Answers by path until the command has ended; what was asked is returned beside its result.</summary>
    private async Task<(CommandResult Result, List<(string Path, string Body)> Asked)> RunAsync(WharfCli cli, Func<string, int, (int Status, string Body)> answer, Func<WharfCli, Task<CommandResult>> run)
    {
        using var listener = new HttpListener();
        var address = $"127.0.0.1:{LocalRegistry.FreePort()}";
        listener.Prefixes.Add($"http://{address}/");
        listener.Start();
        foreach (var name in (string[])["WHARF_LOGIN_TENANT", "WHARF_LOGIN_AUDIENCE"]) cli.Environment[name] = $"http://{address}";
        cli.Environment["DOCKER_HOST"] = $"tcp://{address}";
        cli.Environment["NO_COLOR"] = "1";
        var asked = new List<(string Path, string Body)>();
        var command = run(cli);
        while (true)
        {
            var next = listener.GetContextAsync();
            if (await Task.WhenAny(next, command) == command) break;
            var context = await next;
            var path = context.Request.Url!.AbsolutePath;
            asked.Add((path, await new StreamReader(context.Request.InputStream).ReadToEndAsync()));
            var (status, body) = answer(path, asked.Count(request => request.Path == path));
            context.Response.StatusCode = status;
            context.Response.Close(context.Request.HttpMethod == "HEAD" ? [] : Encoding.UTF8.GetBytes(body), willBlock: false);
        }
        return (await command, asked);
    }

    private static (int Status, string Body) Service(string path, int time) => path switch
    {
        "/oauth/device/code" => (200, Code),
        "/oauth/token" when time == 1 => (403, """{"error":"authorization_pending","error_description":"not yet"}"""),
        "/oauth/token" => (200, $$"""{"access_token":"{{Token}}","refresh_token":"r1"}"""),
        "/v2/access-tokens/desktop-generate" => (201, """{"data":{"token":"dckr_pat_1"}}"""),
        "/oauth/revoke" => (200, ""),
        _ when path.EndsWith("/auth", StringComparison.Ordinal) => (200, """{"Status":"Login Succeeded"}"""),
        _ => (200, "OK"),
    };

    private static JsonObject Auths(WharfCli cli) => JsonNode.Parse(File.ReadAllText(cli.PathOf("config.json")))!["auths"]!.AsObject();

    [Fact]
    public async Task A_code_confirmed_in_a_browser_logs_in_and_a_logout_takes_it_back()
    {
        using var cli = new WharfCli(engine);
        var (login, asked) = await RunAsync(cli, Service, cli => cli.OnTerminalAsync(null, "login"));
        login.ShouldExit(0);
        login.Out.ShouldContain("Your one-time device confirmation code is: ABCD-EFGH");
        login.Out.ShouldContain("submit your device code here: https://login.example/activate\r\n");
        login.Out.ShouldContain("Waiting for authentication in the browser…");
        login.Out.ShouldContain("Login Succeeded");
        var sent = JsonNode.Parse(asked.Single(request => request.Path.EndsWith("/auth", StringComparison.Ordinal)).Body)!;
        (sent["username"]!.GetValue<string>(), sent["password"]!.GetValue<string>(), sent["serveraddress"]!.GetValue<string>()).ShouldBe(("alice", "dckr_pat_1", Hub));
        var kept = Auths(cli).ToDictionary(pair => pair.Key, pair => Encoding.UTF8.GetString(Convert.FromBase64String(pair.Value!["auth"]!.GetValue<string>())));
        kept.Keys.Order().ShouldBe([Hub, Hub + "access-token", Hub + "refresh-token"]);
        kept[Hub].ShouldBe("alice:dckr_pat_1");
        kept[Hub + "access-token"].ShouldBe($"alice:{Token}");
        kept[Hub + "refresh-token"].ShouldStartWith("alice:r1..");

        var (logout, forgotten) = await RunAsync(cli, Service, cli => cli.RunAsync("logout"));
        logout.ShouldExit(0).Text.ShouldBe($"Removing login credentials for {Hub}");
        forgotten.ShouldContain(request => request.Path == "/oauth/revoke" && request.Body.Contains("token=r1"));
        Auths(cli).ShouldBeEmpty();
    }

    [Fact]
    public async Task Who_refuses_in_the_browser_is_not_logged_in()
    {
        using var cli = new WharfCli(engine);
        var (login, _) = await RunAsync(cli, (path, time) => path == "/oauth/token" ? (403, """{"error":"access_denied","error_description":"the user said no"}""") : Service(path, time), cli => cli.OnTerminalAsync(null, "login"));
        login.ShouldExit(1).Out.ShouldContain("failed waiting for authentication: the user said no");
        File.Exists(cli.PathOf("config.json")).ShouldBeFalse();
    }

    [Fact]
    public async Task An_interrupt_ends_the_wait()
    {
        using var cli = new WharfCli(engine);
        // The terminal's own interrupt key, typed when the service has been asked for the first time.
        var waits = cli.PathOf("waits");
        var (login, _) = await RunAsync(cli, (path, time) =>
        {
            if (path != "/oauth/token") return Service(path, time);
            File.WriteAllText(waits, "");
            return (403, """{"error":"authorization_pending"}""");
        },
            cli => CommandResult.RunAsync("sh", ["-c", $"(until [ -e {waits} ]; do sleep 0.1; done; printf '\\003'; sleep 5) | script -qec '{WharfCli.Program} login' /dev/null"], null, 30, new Dictionary<string, string>(cli.Environment) { ["DOCKER_CONFIG"] = cli.Directory }));
        login.Out.ShouldContain("Waiting for authentication in the browser…");
        login.Out.ShouldContain("login canceled");
        File.Exists(cli.PathOf("config.json")).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    public async Task Without_the_service_or_by_the_users_wish_name_and_password_are_asked_for(string isOff)
    {
        using var cli = new WharfCli(engine);
        cli.Environment["DOCKER_CLI_DISABLE_OAUTH_LOGIN"] = isOff;
        var (login, asked) = await RunAsync(cli, (path, time) => path == "/oauth/device/code" ? (404, "") : Service(path, time), cli => cli.OnTerminalAsync("bob\nsecret\n"u8.ToArray(), "login"));
        login.ShouldExit(0).Out.ShouldContain("Username: ");
        login.Out.Contains("Failed to start web-based login - falling back to command line login... (the login service answers 404)").ShouldBe(isOff == "");
        asked.Any(request => request.Path == "/oauth/device/code").ShouldBe(isOff == "");
        Auths(cli).Select(pair => pair.Key).ShouldBe([Hub]);
    }

    [Fact]
    public async Task Secrets_never_go_to_another_machine_without_TLS()
    {
        using var cli = new WharfCli(engine);
        cli.Environment["WHARF_LOGIN_TENANT"] = "http://login.example";
        (await cli.OnTerminalAsync(null, "login")).ShouldExit(1).Out.ShouldContain("invalid WHARF_LOGIN_TENANT: it must be an https address (http on this machine alone)");
    }
}
