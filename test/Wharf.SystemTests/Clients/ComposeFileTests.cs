using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>What a compose file is made of: other files, other services, files of variables, secrets, commands at the start and before the end.</summary>
public sealed class ComposeFileTests(EngineFixture engine)
{
    private static readonly Dictionary<string, string> _word = new() { ["WORD"] = "swordfish" };

    [Fact]
    public async Task Files_are_included_services_extended_and_fields_reset_and_overridden()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            include:
              - path: [inc/compose.yaml, inc/more.yaml]
                project_directory: inc
                env_file: inc/own.env
            services:
              main:
                extends: { file: sub/base.yaml, service: base }
                depends_on: { included: { condition: service_started }, absent: { condition: service_healthy, required: false } }
              same:
                extends: main
                environment: { WHO: same }
              absent:
                image: busybox
                profiles: [never]
            """,
            ("inc/compose.yaml", """
            services:
              included:
                image: busybox
                init: true
                command: ["sh", "-c", "cat /here/file; echo $WORD; exec sleep 600"]
                volumes: ["./data:/here:ro"]
                labels: { a: one, b: two }
                ports: ["127.0.0.1::80"]
            """),
            ("inc/more.yaml", """
            services:
              included:
                labels: !override { c: three }
                ports: !reset []
                environment: { MORE: "${WORD}" }
            """),
            ("inc/own.env", "WORD=included\n"), ("inc/data/file", "of the included\n"),
            ("sub/base.yaml", """
            services:
              base:
                image: busybox
                init: true
                command: ["sh", "-c", "cat /base; echo $$WHO; exec sleep 600"]
                environment: { WHO: base }
                volumes: ["./base.txt:/base:ro"]
            """), ("sub/base.txt", "of the extended\n"));
        (await project.ComposeAsync("up", "-d", "--wait")).ShouldExit(0);
        (await project.ComposeAsync("logs", "--no-log-prefix", "included")).ShouldExit(0).Out.ShouldBe("of the included\nincluded\n");
        (await project.ComposeAsync("logs", "--no-log-prefix", "main")).ShouldExit(0).Out.ShouldBe("of the extended\nbase\n");
        (await project.ComposeAsync("logs", "--no-log-prefix", "same")).ShouldExit(0).Out.ShouldBe("of the extended\nsame\n");
        ComposeProject.Lines(await project.ComposeAsync("ps", "-a", "--services")).Order().ShouldBe(["included", "main", "same"]);
        var included = (await project.ComposeAsync("ps", "-q", "included")).ShouldExit(0).Text;
        (await engine.DockerAsync("inspect", "-f", "{{index .Config.Labels \"a\"}}|{{index .Config.Labels \"c\"}}|{{len .HostConfig.PortBindings}}", included)).ShouldExit(0).Text.ShouldBe("|three|0");
        (await project.ComposeAsync("exec", "-T", "included", "sh", "-c", "echo $MORE")).ShouldExit(0).Text.ShouldBe("included");
    }

    [Fact]
    public async Task Variables_secrets_and_configs_come_from_files_the_environment_and_the_file_itself()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              reader:
                image: busybox
                command: ["sh", "-c", "echo \"$$A|$$B\"; cat /run/secrets/fromenv; echo; cat /run/secrets/renamed /fromcontent /fromenvconf; echo; stat -c '%a %u %g' /run/secrets/fromenv /fromcontent"]
                env_file: [{ path: raw.env, format: raw }, { path: missing.env, required: false }]
                secrets: [{ source: fromenv, mode: 0400, uid: "33" }, { source: fromfile, target: renamed }]
                configs: [{ source: content, target: /fromcontent, uid: "33", gid: "34", mode: 0440 }, { source: envconf, target: /fromenvconf }]
            secrets: { fromenv: { environment: WORD }, fromfile: { file: ./word } }
            configs: { content: { content: "text ${WORD}\n" }, envconf: { environment: WORD } }
            """, ("raw.env", "A=\"quoted $X\"\nB=x # c\n"), ("word", "fileword\n"));
        (await project.ComposeAsync(_word, "up", "--exit-code-from", "reader")).ShouldExit(0);
        (await project.ComposeAsync(_word, "logs", "--no-log-prefix", "reader")).ShouldExit(0).Out.ShouldBe("\"quoted $X\"|x # c\nswordfish\nfileword\ntext swordfish\nswordfish\n400 33 0\n440 33 34\n");
        await File.WriteAllTextAsync(project.PathOf("compose.yaml"), "services: { reader: { image: busybox, env_file: [missing.env] } }\n", TestContext.Current.CancellationToken);
        (await project.ComposeAsync("up")).ShouldExit(1).Error.ShouldContain("missing.env not found");
    }

    [Fact]
    [Covers("ContainerExec"), Covers("ExecStart")]
    public async Task Commands_run_after_the_start_and_before_the_stop()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              app:
                image: busybox
                init: true
                user: "33"
                command: ["sleep", "600"]
                volumes: ["./out:/out"]
                post_start:
                  - command: ["sh", "-c", "echo $$(id -u) $$X $$(pwd) > /started"]
                    user: root
                    working_dir: /tmp
                    environment: [X=1]
                pre_stop:
                  - { command: ["cp", "/started", "/out/stopped"], user: root }
            """, ("out/.keep", ""));
        (await project.ComposeAsync("up", "-d")).ShouldExit(0);
        (await project.ComposeAsync("exec", "-T", "app", "cat", "/started")).ShouldExit(0).Text.ShouldBe("0 1 /tmp");
        (await project.ComposeAsync("stop", "-t", "1")).ShouldExit(0);
        (await File.ReadAllTextAsync(project.PathOf("out/stopped"), TestContext.Current.CancellationToken)).ShouldBe("0 1 /tmp\n");
        // One that fails is told, with what it printed.
        await File.WriteAllTextAsync(project.PathOf("compose.yaml"), """
            services:
              app: { image: busybox, init: true, command: ["sleep", "600"], post_start: [{ command: ["sh", "-c", "exit 3"] }] }
            """, TestContext.Current.CancellationToken);
        (await project.ComposeAsync("up", "-d", "-t", "0")).ShouldExit(1).Error.ShouldContain("app hook exited with status 3");
    }

    [Fact]
    public async Task Programs_provide_services_and_models()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              db:
                provider: { type: fakedb, options: { size: "3", name: [a, b] } }
              app:
                image: busybox
                command: ["sh", "-c", "echo $$DB_URL $$LLM_URL $$LLM_MODEL $$OTHER"]
                depends_on: [db]
                models: { llm: {}, second: { endpoint_var: OTHER, model_var: OTHER_MODEL } }
            models:
              llm: { model: ai/first, context_size: 1024 }
              second: { model: ai/other }
            """,
            ("bin/fakedb", """
            #!/bin/sh
            echo "$@" >> "$CALLS"
            case "$2 $3" in
              *\ up) echo '{"type":"setenv","message":"URL=db://here"}' ;;
            esac
            [ "$2" != metadata ]
            """),
            ("config/cli-plugins/docker-model", """
            #!/bin/sh
            echo "$@" >> "$CALLS"
            case "$1" in
              docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"1","ShortDescription":"models"}' ;;
              status) echo '{"running":true,"endpoint":"http://models.test/v1/"}' ;;
              ls) echo '[]' ;;
            esac
            """));
        foreach (var program in (string[])["bin/fakedb", "config/cli-plugins/docker-model"]) File.SetUnixFileMode(project.PathOf(program), (UnixFileMode)0b111_101_101);
        DockerPlugins.Config(project.PathOf("config"));
        foreach (var (name, value) in new[] { ("PATH", $"{project.PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}"), ("CALLS", project.PathOf("calls")), ("DOCKER_CONFIG", project.PathOf("config")) }) project.Environment[name] = value;
        (await project.ComposeAsync("up", "--exit-code-from", "app")).ShouldExit(0);
        (await project.ComposeAsync("logs", "--no-log-prefix", "app")).ShouldExit(0).Text.ShouldBe("db://here http://models.test/v1/ ai/first http://models.test/v1/");
        (await project.ComposeAsync("down", "-t", "0")).ShouldExit(0);
        var calls = await File.ReadAllLinesAsync(project.PathOf("calls"), TestContext.Current.CancellationToken);
        foreach (var verb in (string[])["up", "down"]) // the options come in no order of their own
            calls.ShouldContain(call => call == $"compose --project-name={project.Name} {verb} --name=a --name=b --size=3 db" || call == $"compose --project-name={project.Name} {verb} --size=3 --name=a --name=b db");
        calls.ShouldContain("configure --context-size 1024 ai/first");
    }

    [Fact]
    public async Task Graphics_processors_that_are_not_there_are_refused()
    {
        await using var project = await ComposeProject.MakeAsync(engine, "services: { app: { image: busybox, command: [\"true\"], gpus: all } }\n");
        (await project.ComposeAsync("up")).ShouldExit(1).Error.ShouldContain("could not select device driver \"\" with capabilities: [[gpu]]");
    }
}
