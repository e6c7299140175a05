using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>docker compose 2 with a project as people have them: images built in stages, a migration that runs first, health, two networks, limits, secrets, profiles.</summary>
public sealed class ComposeApplicationTests(EngineFixture engine)
{
    private const string Application = """
        x-common: &common
          restart: unless-stopped
          logging: { driver: json-file, options: { max-size: "1m", max-file: "2" } }
          labels: { team: api }
        services:
          migrate:
            image: busybox:latest
            command: ["sh", "-c", "echo schema > /data/schema; echo migrated"]
            volumes: ["data:/data"]
            networks: [back]
          store:
            <<: *common
            image: busybox:latest
            init: true
            command: ["sh", "-c", "mkdir -p /www && cp /data/schema /www/ && exec httpd -f -p 6000 -h /www"]
            depends_on: { migrate: { condition: service_completed_successfully } }
            healthcheck: { test: ["CMD", "wget", "-qO-", "http://127.0.0.1:6000/schema"], interval: 300ms, timeout: 5s, retries: 50, start_period: 1s, start_interval: 200ms }
            volumes: ["data:/data:ro"]
            networks: { back: { aliases: [db, cache], ipv4_address: 10.233.7.10 } }
            mem_limit: 64m
            cpus: 0.5
            ulimits: { nofile: { soft: 1000, hard: 2000 } }
            stop_grace_period: 2s
          app:
            <<: *common
            build: { context: ./app, args: { VERSION: "3" }, target: final, labels: { built: "yes" } }
            init: true
            depends_on: { store: { condition: service_healthy } }
            environment: { STORE_URL: "http://db:6000/schema", MODE: "${MODE:-test}" }
            env_file: [./app.env]
            secrets: [word]
            configs: [{ source: conf, target: /etc/app.conf, mode: 0440 }]
            networks: [front, back]
            read_only: true
            tmpfs: ["/tmp:size=1m"]
            cap_drop: [ALL]
            security_opt: ["no-new-privileges:true"]
            deploy: { replicas: 2, resources: { limits: { memory: 64M, pids: 50 } } }
            healthcheck: { test: ["CMD-SHELL", "test -f /tmp/ready"], interval: 300ms, retries: 50 }
          web:
            <<: *common
            build: ./web
            init: true
            depends_on: { app: { condition: service_healthy, restart: true } }
            ports: ["127.0.0.1::8080", { target: 8081, host_ip: 127.0.0.1, protocol: tcp, mode: host }]
            networks: [front]
            extra_hosts: ["outside:192.0.2.1"]
            hostname: webhost
            dns_search: [example.test]
            sysctls: { net.core.somaxconn: 512 }
            volumes: [{ type: bind, source: ./web/www, target: /www, read_only: true }, { type: tmpfs, target: /scratch, tmpfs: { size: 1048576 } }]
          debug:
            image: busybox:latest
            profiles: [debug]
            network_mode: "service:web"
            command: ["wget", "-qO-", "http://127.0.0.1:8080/index.html"]
        networks:
          front: { driver_opts: { com.docker.network.bridge.name: brcompat } }
          back: { internal: true, ipam: { config: [{ subnet: 10.233.7.0/24, gateway: 10.233.7.1 }] } }
        volumes: { data: { labels: { keep: "no" } } }
        secrets: { word: { file: ./word.txt } }
        configs: { conf: { file: ./app.conf } }
        """;

    private static readonly (string, string)[] Files =
    [
        ("word.txt", "swordfish\n"), ("app.conf", "mode=test\n"), ("app.env", "FROM_FILE=1\n"), ("web/www/index.html", "page\n"), ("web/Dockerfile", "FROM busybox:latest\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n"),
        ("app/Dockerfile", "FROM busybox:latest AS base\nARG VERSION\nRUN echo v$VERSION > /version\nFROM base AS final\nCOPY run.sh /run.sh\nCMD [\"sh\", \"/run.sh\"]\n"),
        ("app/run.sh", "cat /version /run/secrets/word /etc/app.conf\necho FROM_FILE=$FROM_FILE\nwget -qO- $STORE_URL\ntouch /tmp/ready\nexec sleep 600\n"),
    ];

    [Fact]
    [Covers("ContainerCreate"), Covers("ContainerWait"), Covers("NetworkCreate"), Covers("ImageDelete"), Covers("VolumeDelete")]
    public async Task A_project_is_built_comes_up_in_order_scales_changes_and_leaves_nothing()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application, Files);
        (await project.ComposeAsync("build", "--quiet")).ShouldExit(0);
        (await project.ComposeAsync("up", "-d", "--wait", "--wait-timeout", "90")).ShouldExit(0);
        var states = (await project.ComposeAsync("ps", "-a", "--format", "{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}")).ShouldExit(0).Out;
        states.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal).ShouldBe(["app running healthy 0", "app running healthy 0", "migrate exited  0", "store running healthy 0", "web running  0"]);
        (await project.ComposeAsync("logs", "--no-log-prefix", "--index", "1", "app")).ShouldExit(0).Out.ShouldBe("v3\nswordfish\nmode=test\nFROM_FILE=1\nschema\n");
        await CheckContainersAsync(project);
        (await project.ComposeAsync("--profile", "debug", "run", "--rm", "-T", "debug")).ShouldExit(0).Out.ShouldBe("page\n");
        using var http = new HttpClient();
        (await http.GetStringAsync($"http://{(await project.ComposeAsync("port", "web", "8080")).ShouldExit(0).Text}/")).ShouldBe("page\n");
        (await project.ComposeAsync("up", "-d", "--wait", "--no-recreate", "--scale", "app=3")).ShouldExit(0);
        (await project.ComposeAsync("ps", "-q", "app")).ShouldExit(0).Text.Split('\n').Length.ShouldBe(3);
        (await project.ComposeAsync("cp", project.PathOf("word.txt"), "web:/tmp/")).ShouldExit(0);
        (await project.ComposeAsync("exec", "-T", "web", "cat", "/tmp/word.txt")).ShouldExit(0).Out.ShouldBe("swordfish\n");
        (await project.ComposeAsync(new Dictionary<string, string> { ["MODE"] = "prod" }, "up", "-d", "--wait", "-t", "1")).ShouldExit(0);
        (await project.ComposeAsync("exec", "-T", "app", "sh", "-c", "echo $MODE")).ShouldExit(0).Text.ShouldBe("prod");
        (await project.ComposeAsync("down", "-v", "--rmi", "local", "-t", "1")).ShouldExit(0);
        foreach (string[] list in (string[][])[["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]])
            (await engine.DockerAsync([.. list, "--filter", $"label=com.docker.compose.project={project.Name}"])).ShouldExit(0).Text.ShouldBe("");
    }

    private static async Task CheckContainersAsync(ComposeProject project)
    {
        var web = (await project.ComposeAsync("exec", "-T", "web", "sh", "-c", "hostname; cat /proc/sys/net/core/somaxconn; grep outside /etc/hosts; touch /www/x 2>&1; true")).ShouldExit(0).Out;
        web.ShouldBe("webhost\n512\n192.0.2.1\toutside\ntouch: /www/x: Read-only file system\n");
        var app = (await project.ComposeAsync("exec", "-T", "app", "sh", "-c", "touch /x 2>&1; grep -e CapEff -e NoNewPrivs /proc/self/status; wget -qO- http://cache:6000/schema")).ShouldExit(0).Out;
        app.ShouldBe("touch: /x: Read-only file system\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nschema\n");
    }
}
