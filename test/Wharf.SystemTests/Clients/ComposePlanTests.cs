using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>What docker compose leaves alone, makes anew, waits for and only tells.</summary>
public sealed class ComposePlanTests(EngineFixture engine)
{
    private const string Application = """
        services:
          kept:
            image: busybox
            init: true
            command: ["sleep", "600"]
            volumes: ["data:/data"]
            networks: [net]
          changed:
            image: busybox
            init: true
            command: ["sleep", "600"]
            environment: { V: "${V:-1}" }
            networks: [net]
          built:
            build: ./image
            init: true
            command: ["sleep", "600"]
            networks: [net]
        networks:
          net: { labels: { l: "${NET:-1}" }, driver_opts: { com.docker.network.driver.mtu: "${MTU:-1500}" } }
        volumes:
          data: { labels: { l: "${DATA:-1}" } }
        """;

    private static readonly (string, string)[] _files = [("image/Dockerfile", "FROM busybox\nRUN echo built > /built\n")];

    private static async Task<Dictionary<string, string>> IdsAsync(ComposeProject project) =>
        ComposeProject.Lines(await project.ComposeAsync("ps", "-a", "--no-trunc", "--format", "{{.Service}} {{.ID}}")).Select(line => line.Split(' ')).ToDictionary(pair => pair[0], pair => pair[1]);

    [Fact]
    [Covers("ContainerRename"), Covers("NetworkDelete"), Covers("NetworkDisconnect")]
    public async Task Only_what_has_changed_is_made_anew()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application, _files);
        (await project.ComposeAsync("up", "-d", "--build")).ShouldExit(0);
        var first = await IdsAsync(project);
        (await project.ComposeAsync("exec", "-T", "kept", "touch", "/data/written")).ShouldExit(0);
        var again = (await project.ComposeAsync("up", "-d")).ShouldExit(0).Error;
        foreach (var word in (string[])["Creat", "Recreate", "Start", "Stop"]) again.ShouldNotContain(word);
        (await IdsAsync(project)).ShouldBe(first, ignoreOrder: true);

        var environment = new Dictionary<string, string> { ["V"] = "2" };
        (await project.ComposeAsync(environment, "up", "-d", "-t", "0")).ShouldExit(0);
        var second = await IdsAsync(project);
        second["changed"].ShouldNotBe(first["changed"]);
        (second["kept"], second["built"]).ShouldBe((first["kept"], first["built"]));

        // Another network of the same name: the containers stay what they are, and join it.
        environment["NET"] = "2";
        environment["MTU"] = "1400";
        (await project.ComposeAsync(environment, "up", "-d", "-t", "0")).ShouldExit(0);
        (await IdsAsync(project)).ShouldBe(second, ignoreOrder: true);
        (await engine.DockerAsync("network", "inspect", "-f", "{{.Labels.l}} {{len .Containers}}", project.Name + "_net")).ShouldExit(0).Text.ShouldBe("2 3");
        (await project.ComposeAsync("exec", "-T", "kept", "sh", "-c", $"cat /sys/class/net/eth0/mtu; ping -c 1 {project.Name}-changed-1 > /dev/null && echo found")).ShouldExit(0).Out.ShouldBe("1400\nfound\n");

        // Another volume: whoever has it is made anew, and nobody else; asked before, for what is in it goes.
        environment["DATA"] = "2";
        (await project.ComposeAsync(environment, "up", "-d", "-t", "0", "-y")).ShouldExit(0);
        var last = await IdsAsync(project);
        last["kept"].ShouldNotBe(second["kept"]);
        (last["changed"], last["built"]).ShouldBe((second["changed"], second["built"]));
        (await engine.DockerAsync("volume", "inspect", "-f", "{{.Labels.l}}", project.Name + "_data")).ShouldExit(0).Text.ShouldBe("2");
        (await project.ComposeAsync("exec", "-T", "kept", "ls", "/data")).ShouldExit(0).Text.ShouldBe("");
        (await project.ComposeAsync("down", "--rmi", "local", "-v", "-t", "0")).ShouldExit(0);
    }

    [Fact]
    public async Task A_dry_run_tells_all_and_does_nothing()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application, _files);
        var up = (await project.ComposeAsync("--dry-run", "up", "-d")).ShouldExit(0);
        var told = up.Out + up.Error;
        foreach (var line in (string[])[$"Network {project.Name}_net  Created", $"Container {project.Name}-kept-1  Started", $"naming to {project.Name}-built"]) told.ShouldContain(line);
        (await project.ComposeAsync("--dry-run", "build")).ShouldExit(0);
        foreach (string[] list in (string[][])[["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]])
            (await engine.DockerAsync([.. list, "--filter", $"label=com.docker.compose.project={project.Name}"])).ShouldExit(0).Text.ShouldBe("");
        (await engine.DockerAsync("image", "inspect", project.Name + "-built")).ExitCode.ShouldBe(1);

        (await project.ComposeAsync("up", "-d", "kept", "changed")).ShouldExit(0);
        var down = await project.ComposeAsync("--dry-run", "down", "-t", "0");
        (down.Out + down.Error).ShouldContain($"Container {project.Name}-kept-1  Removed");
        (await project.ComposeAsync("--dry-run", "kill")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "--status", "running", "--services")).Order().ShouldBe(["changed", "kept"]);
    }

    private const string Dependants = """
        services:
          once:
            image: busybox
            command: ["sh", "-c", "echo done > /data/done"]
            volumes: ["data:/data"]
          db:
            image: busybox
            init: true
            command: ["sleep", "600"]
            healthcheck: { test: ["CMD", "true"], interval: 200ms }
            environment: { V: "${V:-1}" }
          follower:
            image: busybox
            init: true
            command: ["sh", "-c", "cat /data/done; exec sleep 600"]
            volumes: ["data:/data"]
            depends_on: { db: { condition: service_healthy, restart: true }, once: { condition: service_completed_successfully } }
          bystander:
            image: busybox
            init: true
            command: ["sleep", "600"]
            depends_on: { db: { condition: service_healthy } }
        volumes: { data: {} }
        """;

    private async Task<string> StartedAsync(ComposeProject project, string service) =>
        (await engine.DockerAsync("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", $"{project.Name}-{service}-1")).ShouldExit(0).Text;

    [Fact]
    [Covers("ContainerRestart")]
    public async Task Who_depends_on_a_service_is_restarted_with_it_when_it_asks_for_that()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Dependants);
        (await project.ComposeAsync("up", "-d", "--wait")).ShouldExit(0);
        (await project.ComposeAsync("logs", "--no-log-prefix", "follower")).ShouldExit(0).Out.ShouldBe("done\n");
        var (follower, bystander) = (await StartedAsync(project, "follower"), await StartedAsync(project, "bystander"));
        (await project.ComposeAsync("restart", "-t", "0", "db")).ShouldExit(0);
        var restarted = await StartedAsync(project, "follower");
        restarted.ShouldNotBe(follower);
        restarted.Split(' ')[0].ShouldBe(follower.Split(' ')[0], "the same container");
        (await StartedAsync(project, "bystander")).ShouldBe(bystander);
        var db = await StartedAsync(project, "db");
        (await project.ComposeAsync(new Dictionary<string, string> { ["V"] = "2" }, "up", "-d", "-t", "0")).ShouldExit(0);
        (await StartedAsync(project, "db")).Split(' ')[0].ShouldNotBe(db.Split(' ')[0]);
        (await StartedAsync(project, "follower")).ShouldNotBe(restarted);
        (await StartedAsync(project, "bystander")).ShouldBe(bystander);
    }

    [Fact]
    public async Task A_dependency_that_fails_keeps_its_dependants_from_starting()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              once: { image: busybox, command: ["sh", "-c", "exit 5"] }
              app: { image: busybox, command: ["true"], depends_on: { once: { condition: service_completed_successfully } } }
            """);
        (await project.ComposeAsync("up", "-d")).ShouldExit(1).Error.ShouldContain("service \"once\" didn't complete successfully: exit 5");
        (await project.ComposeAsync("ps", "-a", "--format", "{{.State}}", "app")).ShouldExit(0).Text.ShouldBe("created");
    }

    [Fact]
    public async Task Orphans_are_told_and_removed_when_asked_for()
    {
        const string yaml = "services: { NAME: { image: busybox, init: true, command: [\"sleep\", \"600\"] }, same: { image: busybox, init: true, command: [\"sleep\", \"600\"] } }\n";
        await using var project = await ComposeProject.MakeAsync(engine, yaml.Replace("NAME", "former", StringComparison.Ordinal));
        (await project.ComposeAsync("up", "-d")).ShouldExit(0);
        await File.WriteAllTextAsync(project.PathOf("compose.yaml"), yaml.Replace("NAME", "latter", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        (await project.ComposeAsync("up", "-d")).ShouldExit(0).Error.ShouldContain($"Found orphan containers ([{project.Name}-former-1])");
        ComposeProject.Lines(await project.ComposeAsync("ps", "--services")).Order().ShouldBe(["former", "latter", "same"]);
        (await project.ComposeAsync("up", "-d", "--remove-orphans", "-t", "0")).ShouldExit(0);
        ComposeProject.Lines(await project.ComposeAsync("ps", "--services")).Order().ShouldBe(["latter", "same"]);
    }

    [Fact]
    public async Task The_first_to_end_ends_all_or_only_the_first_to_fail()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              good: { image: busybox, command: ["true"] }
              bad: { image: busybox, command: ["sh", "-c", "sleep 2; exit 6"] }
              lasting: { image: busybox, init: true, command: ["sleep", "600"] }
            """);
        // good ends first, and takes nobody with it
        (await project.ComposeAsync("up", "--abort-on-container-failure", "-t", "0")).ShouldExit(6);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-a", "--format", "{{.Service}} {{.State}}")).Order().ShouldBe(["bad exited", "good exited", "lasting exited"]);
        (await project.ComposeAsync("up", "--abort-on-container-exit", "-t", "0", "good", "lasting")).ShouldExit(0);
        (await project.ComposeAsync("up", "--exit-code-from", "bad", "-t", "0")).ExitCode.ShouldNotBe(0);
    }
}
