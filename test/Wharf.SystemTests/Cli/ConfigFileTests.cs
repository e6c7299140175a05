using System.Net;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>What config.json and the environment say to the command line.</summary>
public sealed class ConfigFileTests(EngineFixture engine)
{
    [Fact]
    public async Task Formats_of_lists_are_taken_unless_one_is_typed()
    {
        using var cli = new WharfCli(engine);
        cli.Configure("""{"psFormat":"P {{.Names}}","imagesFormat":"I {{.Repository}}","networksFormat":"N {{.Name}}","volumesFormat":"V {{.Name}}","statsFormat":"S {{.Name}}"}""");
        await using var container = await RunningContainer.StartAsync(engine, ["--name", "cli-format"], "sleep", "600");
        (await cli.RunAsync("ps", "--filter", "name=cli-format")).ShouldExit(0).Text.ShouldBe("P cli-format");
        (await cli.RunAsync("ps", "--filter", "name=cli-format", "--format", "{{.Image}}")).ShouldExit(0).Text.ShouldBe("busybox");
        (await cli.RunAsync("ps", "-q", "--filter", "name=cli-format")).ShouldExit(0).Text.Length.ShouldBe(12);
        (await cli.RunAsync("images", "busybox")).ShouldExit(0).Text.ShouldBe("I busybox");
        (await cli.RunAsync("network", "ls", "--filter", "name=bridge")).ShouldExit(0).Text.Split('\n').ShouldContain("N bridge");
        (await cli.RunAsync("stats", "--no-stream", "cli-format")).ShouldExit(0).Text.ShouldBe("S cli-format");
    }

    [Fact]
    public async Task Headers_go_with_every_request_and_do_not_change_who_asks()
    {
        using var listener = new HttpListener();
        int port = LocalRegistry.FreePort();
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        using var cli = new WharfCli(engine);
        cli.Configure("""{"HttpHeaders":{"X-Team":"blue","User-Agent":"somebody else"}}""");
        cli.Environment["DOCKER_HOST"] = $"tcp://127.0.0.1:{port}";
        var listed = cli.RunAsync("ps");
        List<string?> teams = [], agents = [];
        while (!listed.IsCompleted)
        {
            var next = listener.GetContextAsync();
            if (await Task.WhenAny(next, listed) == listed) break;
            var context = await next;
            teams.Add(context.Request.Headers["X-Team"]);
            agents.Add(context.Request.UserAgent);
            context.Response.StatusCode = 500;
            context.Response.Close();
        }
        (await listed).ExitCode.ShouldBe(1);
        teams.ShouldNotBeEmpty();
        teams.ShouldAllBe(team => team == "blue");
        agents.ShouldNotContain("somebody else");
    }

    [Theory]
    [InlineData("attach", "cli-detach")]
    [InlineData("exec", "-it", "cli-detach", "cat")]
    public async Task Keys_to_leave_by_are_the_users_own(params string[] command)
    {
        using var cli = new WharfCli(engine);
        cli.Configure("""{"detachKeys":"ctrl-a,x"}""");
        await using var container = await RunningContainer.StartAsync(engine, ["--name", "cli-detach", "-it"], "cat");
        await cli.OnTerminalAsync("\u0001x"u8.ToArray(), command);
        (await cli.RunAsync("container", "inspect", "-f", "{{.State.Running}}", "cli-detach")).ShouldExit(0).Text.ShouldBe("true");
    }

    [Fact]
    public async Task Plugins_are_looked_for_in_further_directories()
    {
        using var cli = new WharfCli(engine);
        await cli.WriteProgramAsync("further/docker-elsewhere", "#!/bin/sh\necho \"$@\"\n");
        (await cli.RunAsync("elsewhere", "x")).ShouldExit(1).Error.ShouldContain("unknown command: wharf elsewhere");
        cli.Configure($$"""{"cliPluginsExtraDirs":["{{cli.PathOf("further")}}"]}""");
        (await cli.RunAsync("elsewhere", "x")).ShouldExit(0).Text.ShouldBe("elsewhere x");
        (await cli.RunAsync("--help")).ShouldExit(0).Text.ShouldContain("elsewhere");
    }

    [Theory]
    [InlineData("doctor")]
    [InlineData("build", "--progress", "tty", "--no-cache", "--iidfile", "built", ".")]
    public async Task Terminals_get_colors_unless_NO_COLOR_is_set(params string[] command)
    {
        using var cli = new WharfCli(engine);
        await File.WriteAllTextAsync(cli.PathOf("Dockerfile"), "FROM busybox\nRUN true\n");
        const string color = @"\e\[\d+m";
        (await PrintedAsync("")).ShouldMatch(color); // the runner of tests may have set it
        (await PrintedAsync("1")).ShouldNotMatch(color);

        async Task<string> PrintedAsync(string noColor)
        {
            cli.Environment["NO_COLOR"] = noColor;
            var result = await cli.OnTerminalAsync(null, command);
            if (command[0] == "build") (await cli.RunAsync("rmi", await File.ReadAllTextAsync(cli.PathOf("built")))).ShouldExit(0);
            return result.Out;
        }
    }

    [Fact]
    public async Task Proxies_go_into_containers_and_builds()
    {
        using var cli = new WharfCli(engine);
        cli.Configure("""{"proxies":{"default":{"httpProxy":"http://proxy.test:1","noProxy":"a,b"},"tcp://other:1":{"httpProxy":"http://wrong:1"}}}""");
        var environment = (await cli.RunAsync("run", "--rm", "-e", "http_proxy=mine", "busybox", "env")).ShouldExit(0).Out.Split('\n');
        environment.Where(line => line.Contains("proxy", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).ShouldBe(["HTTP_PROXY=http://proxy.test:1", "NO_PROXY=a,b", "http_proxy=mine", "no_proxy=a,b"]);
        foreach (var builder in (string[])["0", "1"])
        {
            cli.Environment["DOCKER_BUILDKIT"] = builder;
            var built = await cli.RunAsync("FROM busybox\nRUN test \"$HTTP_PROXY\" = http://proxy.test:1\n"u8.ToArray(), "build", "--no-cache", "-q", "-");
            (await cli.RunAsync("rmi", built.ShouldExit(0).Text)).ShouldExit(0);
        }
    }

    [Fact]
    public async Task Prune_filters_are_added_and_give_way_to_their_opposite()
    {
        using var cli = new WharfCli(engine);
        (await cli.RunAsync("create", "--name", "cli-kept", "--label", "cli-prune=a", "--label", "cli-keep=1", "busybox")).ShouldExit(0);
        (await cli.RunAsync("create", "--name", "cli-gone", "--label", "cli-prune=a", "busybox")).ShouldExit(0);
        cli.Configure("""{"pruneFilters":["label!=cli-keep","label=cli-prune=a"]}""");
        (await cli.RunAsync("container", "prune", "-f")).ShouldExit(0);
        (await cli.RunAsync("ps", "-a", "--filter", "label=cli-prune", "--format", "{{.Names}}")).ShouldExit(0).Text.ShouldBe("cli-kept");
        (await cli.RunAsync("container", "prune", "-f", "--filter", "label=cli-keep")).ShouldExit(0);
        (await cli.RunAsync("ps", "-aq", "--filter", "label=cli-prune")).ShouldExit(0).Text.ShouldBe("");
    }

    [Fact]
    public async Task The_environment_names_a_platform_and_a_version()
    {
        using var cli = new WharfCli(engine);
        cli.Environment["DOCKER_DEFAULT_PLATFORM"] = "linux/s390x";
        var refused = await cli.RunAsync("create", "--pull", "never", "busybox");
        refused.ShouldExit(1).Error.ShouldContain("linux/s390x");
        cli.Environment["DOCKER_DEFAULT_PLATFORM"] = "";
        cli.Environment["DOCKER_API_VERSION"] = "1.40";
        (await cli.RunAsync("version", "--format", "{{.Client.APIVersion}}")).ShouldExit(0).Text.ShouldBe("1.40");
    }

    [Fact]
    public async Task The_builder_may_be_an_alias_of_a_plugin()
    {
        using var cli = new WharfCli(engine);
        await cli.WriteProgramAsync("cli-plugins/docker-mybuilder", "#!/bin/sh\necho \"$@ at $DOCKER_HOST\"\n");
        cli.Configure("""{"aliases":{"builder":"mybuilder"}}""");
        (await cli.RunAsync("build", "-t", "x", ".")).ShouldExit(0).Text.ShouldBe($"mybuilder build -t x . at {engine.Host}");
        (await cli.RunAsync("builder", "ls")).ShouldExit(0).Text.ShouldBe($"mybuilder ls at {engine.Host}");
        (await cli.RunAsync("mybuilder", "y")).ShouldExit(0).Text.ShouldBe($"mybuilder y at {engine.Host}");
    }

    [Theory]
    [InlineData("credHelpers")]
    [InlineData("credsStore")]
    public async Task A_credential_helper_keeps_what_login_was_told_and_logout_erases_it(string key)
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        using var cli = new WharfCli(engine);
        // The protocol: a verb as argument, the request on stdin, JSON or nothing on stdout.
        await cli.WriteProgramAsync("docker-credential-cli-test", $$"""
            #!/bin/sh
            case $1 in
              store) cat > {{cli.PathOf("kept")}} ;;
              get) cat > /dev/null; [ -f {{cli.PathOf("kept")}} ] && cat {{cli.PathOf("kept")}} || { echo "credentials not found in native keychain"; exit 1; } ;;
              erase) rm -f {{cli.PathOf("kept")}} ;;
            esac
            """);
        cli.Environment["PATH"] = $"{cli.Directory}:{Environment.GetEnvironmentVariable("PATH")}";
        cli.Configure(key == "credsStore" ? """{"credsStore":"cli-test"}""" : $$"""{"credHelpers":{"{{registry.Address}}":"cli-test"} }""");
        var login = (await cli.RunAsync("secret\n"u8.ToArray(), "login", "-u", "alice", "--password-stdin", registry.Address)).ShouldExit(0);
        login.Text.ShouldBe("Login Succeeded");
        login.Error.ShouldNotContain("unencrypted");
        using (var kept = JsonDocument.Parse(await File.ReadAllTextAsync(cli.PathOf("kept"))))
            kept.RootElement.GetProperty("Secret").GetString().ShouldBe("secret");
        (await File.ReadAllTextAsync(cli.PathOf("config.json"))).ShouldNotContain("auth\"");
        (await cli.RunAsync("tag", "busybox", $"{registry.Address}/kept")).ShouldExit(0);
        (await cli.RunAsync("push", "-q", $"{registry.Address}/kept")).ShouldExit(0).Text.ShouldBe($"{registry.Address}/kept:latest");
        (await cli.RunAsync("rmi", $"{registry.Address}/kept")).ShouldExit(0);
        (await cli.RunAsync("pull", "-q", $"{registry.Address}/kept")).ShouldExit(0).Text.ShouldBe($"{registry.Address}/kept:latest");
        (await cli.RunAsync("rmi", $"{registry.Address}/kept")).ShouldExit(0);
        (await cli.RunAsync("create", "--name", "cli-kept-pull", $"{registry.Address}/kept")).ShouldExit(0);
        (await cli.RunAsync("rm", "cli-kept-pull")).ShouldExit(0);
        (await cli.RunAsync("logout", registry.Address)).ShouldExit(0).Text.ShouldBe($"Removing login credentials for {registry.Address}");
        File.Exists(cli.PathOf("kept")).ShouldBeFalse();
        (await cli.RunAsync("push", "-q", $"{registry.Address}/kept")).ShouldExit(1).Error.ShouldContain("no basic auth credentials");
        (await cli.RunAsync("pull", "-q", $"{registry.Address}/kept")).ShouldExit(1).Error.ShouldContain("no basic auth credentials");
        (await cli.RunAsync("rmi", $"{registry.Address}/kept")).ShouldExit(0);
    }

    [Fact]
    public async Task Without_a_helper_a_login_is_in_the_file_and_is_used_again()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        using var cli = new WharfCli(engine);
        (await cli.RunAsync("wrong\n"u8.ToArray(), "login", "-u", "alice", "--password-stdin", registry.Address)).ShouldExit(1).Error.ShouldContain("unauthorized");
        var login = (await cli.RunAsync("secret\n"u8.ToArray(), "login", "-u", "alice", "--password-stdin", registry.Address)).ShouldExit(0);
        login.Error.ShouldContain($"stored unencrypted in '{cli.PathOf("config.json")}'");
        File.GetUnixFileMode(cli.PathOf("config.json")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await File.ReadAllTextAsync(cli.PathOf("config.json"))).ShouldContain(Convert.ToBase64String(Encoding.ASCII.GetBytes("alice:secret")));
        var again = (await cli.RunAsync("login", registry.Address)).ShouldExit(0);
        again.Error.ShouldContain("Authenticating with existing credentials... [Username: alice]");
        again.Text.ShouldBe("Login Succeeded");
    }
}
