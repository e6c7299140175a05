using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>docker compose 2 with an application of several services: a store with a health check, a client that waits for it, secrets, configs, profiles.</summary>
public sealed class ComposeTests(EngineFixture engine)
{
    private const string Application = """
        services:
          store:
            image: compat-redis:latest
            command: ["redis-server", "--save", "", "--requirepass", "sesame"]
            healthcheck:
              test: ["CMD", "redis-cli", "-a", "sesame", "ping"]
              interval: 200ms
              timeout: 5s
              retries: 50
            volumes: ["data:/data"]
            networks: { back: { aliases: [db] } }
          web:
            image: busybox:latest
            init: true
            environment: { STORE: "db:6379" }
            command: ["sh", "-c", "echo started with $$(cat /run/secrets/word) and $$(cat /etc/app.conf); printf 'AUTH sesame\\r\\nSET greeting hello\\r\\nQUIT\\r\\n' | nc db 6379; exec sleep 600"]
            depends_on: { store: { condition: service_healthy } }
            secrets: [word]
            configs: [{ source: app, target: /etc/app.conf }]
            networks: [back]
            ports: ["127.0.0.1::80"]
            labels: { tier: front }
          tools:
            image: busybox:latest
            profiles: [debug]
            command: ["echo", "tools ran"]
            networks: [back]
        networks: { back: {} }
        volumes: { data: {} }
        secrets: { word: { file: ./word.txt } }
        configs: { app: { content: "mode=test" } }
        """;

    [Fact]
    [Covers("ContainerCreate"), Covers("NetworkCreate"), Covers("VolumeCreate"), Covers("SystemEvents")]
    public async Task An_application_comes_up_serves_and_goes()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application, ("word.txt", "swordfish"));
        (await project.ComposeAsync("up", "-d", "--wait", "--wait-timeout", "60")).ShouldExit(0);
        var rows = (await project.ComposeAsync("ps", "--format", "json")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        rows.Select(row => row.GetProperty("Service").GetString()).Order().ShouldBe(["store", "web"]);
        rows.Single(row => row.GetProperty("Service").GetString() == "store").GetProperty("Health").GetString().ShouldBe("healthy");
        (await project.ComposeAsync("logs", "--no-log-prefix", "web")).ShouldExit(0).Out.ShouldContain("started with swordfish and mode=test");
        (await project.ComposeAsync("exec", "-T", "store", "redis-cli", "--no-auth-warning", "-a", "sesame", "get", "greeting")).ShouldExit(0).Text.ShouldBe("hello");
        (await project.ComposeAsync("port", "web", "80")).ShouldExit(0).Text.ShouldStartWith("127.0.0.1:");
        (await project.ComposeAsync("top", "store")).ShouldExit(0).Out.ShouldContain("redis-server");
        (await project.ComposeAsync("--profile", "debug", "run", "--rm", "-T", "tools")).ShouldExit(0).Out.ShouldContain("tools ran");
        (await project.ComposeAsync("down", "-v", "-t", "0")).ShouldExit(0);
        (await project.ComposeAsync("ps", "-aq")).ShouldExit(0).Text.ShouldBe("");
        (await engine.DockerAsync("volume", "ls", "-q", "--filter", $"label=com.docker.compose.project={project.Name}")).ShouldExit(0).Text.ShouldBe("");
    }

    [Fact]
    public async Task Services_are_scaled_stopped_paused_and_made_anew()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              worker:
                image: busybox:latest
                command: ["sleep", "600"]
                stop_grace_period: 1s
                environment: { VERSION: "${VERSION:-1}" }
            """);
        (await project.ComposeAsync("up", "-d", "--scale", "worker=3")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).Count.ShouldBe(3);
        (await project.ComposeAsync("scale", "worker=1")).ShouldExit(0);
        var first = ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).ShouldHaveSingleItem();
        (await project.ComposeAsync("pause")).ShouldExit(0);
        (await project.ComposeAsync("ps", "--format", "{{.State}}")).ShouldExit(0).Text.ShouldBe("paused");
        (await project.ComposeAsync("unpause")).ShouldExit(0);
        (await project.ComposeAsync("restart", "-t", "0")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).ShouldBe([first]);
        (await project.ComposeAsync("up", "-d", "-t", "0")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).ShouldBe([first], "nothing has changed");
        (await project.ComposeAsync(new Dictionary<string, string> { ["VERSION"] = "2" }, "up", "-d", "-t", "0")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).ShouldHaveSingleItem().ShouldNotBe(first);
        (await project.ComposeAsync("exec", "-T", "worker", "sh", "-c", "echo $VERSION")).ShouldExit(0).Text.ShouldBe("2");
        (await project.ComposeAsync("kill")).ShouldExit(0);
        (await project.ComposeAsync("rm", "-f")).ShouldExit(0);
    }

    [Fact]
    public async Task A_service_that_ends_badly_fails_the_wait()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              bad:
                image: busybox:latest
                command: ["sh", "-c", "echo going; exit 3"]
            """);
        (await project.ComposeAsync("up", "-d", "--wait", "--wait-timeout", "20")).ExitCode.ShouldBe(1);
        (await project.ComposeAsync("up", "--abort-on-container-exit", "--exit-code-from", "bad")).ExitCode.ShouldBe(3);
    }
}
