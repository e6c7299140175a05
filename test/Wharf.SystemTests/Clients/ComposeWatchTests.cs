using System.Diagnostics;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary><c>docker compose watch</c>: changed files go into the running container, a changed Dockerfile makes a new one.</summary>
public sealed class ComposeWatchTests(EngineFixture engine)
{
    private const string Application = """
        services:
          web:
            build: .
            init: true
            command: ["sleep", "1000"]
            develop:
              watch:
                - { action: sync, path: ./src, target: /src }
                - { action: rebuild, path: ./version }
        """;

    [Fact]
    public async Task Changed_files_are_synced_and_a_rebuild_replaces_the_container()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application, ("Dockerfile", "FROM busybox\nCOPY version /version\nCOPY src /src\n"), ("version", "1\n"), ("src/page", "old\n"));
        var up = await project.ComposeAsync("up", "-d", "--build");
        up.ExitCode.ShouldBe(0, up.Error);
        var first = (await project.ComposeAsync("ps", "-q", "web")).Out.Trim();
        await using var watch = Watch.Start(engine, project, "watch", "--no-up");
        await watch.SeesAsync("atch enabled");

        await File.WriteAllTextAsync(project.PathOf("src/page"), "new\n");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "web", "cat", "/src/page")).Out == "new\n");
        (await project.ComposeAsync("ps", "-q", "web")).Out.Trim().ShouldBe(first);

        await File.WriteAllTextAsync(project.PathOf("version"), "2\n");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "web", "cat", "/version")).Out == "2\n");
        (await project.ComposeAsync("ps", "-q", "web")).Out.Trim().ShouldNotBe(first);
    }

    private const string Actions = """
        services:
          restarted:
            image: busybox
            init: true
            command: ["sh", "-c", "cat /src/first; sleep 1000"]
            develop: { watch: [{ action: sync+restart, path: ./restarted, target: /src, initial_sync: true }] }
          told:
            image: busybox
            init: true
            command: ["sleep", "1000"]
            develop: { watch: [{ action: sync+exec, path: ./told, target: /src, ignore: ["*.skip"], exec: { command: "cp /src/page /seen" } }] }
        """;

    [Fact]
    public async Task Synced_services_are_restarted_or_run_a_command()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Actions, ("restarted/first", "begin\n"), ("told/page", "old\n"), ("told/other.skip", "skipped\n"));
        var up = await project.ComposeAsync("up", "-d");
        up.ExitCode.ShouldBe(0, up.Error);
        var first = (await project.ComposeAsync("ps", "-q", "restarted")).Out;
        await using var watch = Watch.Start(engine, project, "watch", "--no-up");
        await watch.SeesAsync("atch enabled");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "restarted", "cat", "/src/first")).Out == "begin\n");

        await File.WriteAllTextAsync(project.PathOf("restarted/first"), "again\n");
        await UntilAsync(watch, async () => (await project.ComposeAsync("logs", "--no-log-prefix", "restarted")).Out.Contains("again\n", StringComparison.Ordinal));
        (await project.ComposeAsync("ps", "-q", "restarted")).Out.ShouldBe(first);

        await File.WriteAllTextAsync(project.PathOf("told/other.skip"), "skipped again\n");
        await File.WriteAllTextAsync(project.PathOf("told/page"), "new\n");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "told", "cat", "/seen")).Out == "new\n");
        (await project.ComposeAsync("exec", "-T", "told", "ls", "/src")).Out.ShouldNotContain("other.skip");
        File.Delete(project.PathOf("told/page"));
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "told", "ls", "/src")).Out == "");
    }

    [Fact]
    public async Task A_project_that_comes_up_watching_has_its_files_from_the_beginning()
    {
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              web:
                image: busybox
                init: true
                command: ["sleep", "1000"]
                develop: { watch: [{ action: sync, path: ./src, target: /src, initial_sync: true }] }
            """, ("src/first", "1\n"));
        await using var watch = Watch.Start(engine, project, "up", "--watch");
        await watch.SeesAsync("atch enabled");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "web", "cat", "/src/first")).Out == "1\n");
        await File.WriteAllTextAsync(project.PathOf("src/second"), "2\n");
        await UntilAsync(watch, async () => (await project.ComposeAsync("exec", "-T", "web", "cat", "/src/second")).Out == "2\n");
    }

    private static async Task UntilAsync(Watch watch, Func<Task<bool>> condition)
    {
        for (var start = Stopwatch.StartNew(); start.Elapsed < TimeSpan.FromSeconds(60);)
        {
            if (await condition()) return;
            await Task.Delay(200);
        }
        throw new ShouldAssertException($"nothing came of the change:\n{watch.Output}");
    }

    /// <summary>The watching compose, ended by its process ID.</summary>
    private sealed class Watch(Process process) : IAsyncDisposable
    {
        private readonly StringBuilder _output = new();

        public string Output { get { lock (_output) return _output.ToString(); } }

        public static Watch Start(EngineFixture engine, ComposeProject project, params string[] verb)
        {
            var start = new ProcessStartInfo("docker", ["compose", "--project-directory", project.PathOf("."), "-f", project.PathOf("compose.yaml"), .. verb]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
            foreach (var (name, value) in new[] { ("DOCKER_HOST", engine.Host), ("DOCKER_CONFIG", DockerPlugins.Config(Path.Combine(engine.Root, "compose-config"))), ("COMPOSE_PROGRESS", "plain") }) start.Environment[name] = value;
            var watch = new Watch(Process.Start(start)!);
            watch.Begin();
            return watch;
        }

        private void Begin()
        {
            process.StandardInput.Close();
            DataReceivedEventHandler keep = (_, line) => { lock (_output) _output.AppendLine(line.Data); };
            process.OutputDataReceived += keep;
            process.ErrorDataReceived += keep;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public async Task SeesAsync(string text)
        {
            for (var start = Stopwatch.StartNew(); start.Elapsed < TimeSpan.FromSeconds(60) && !process.HasExited; await Task.Delay(50))
                if (Output.Contains(text, StringComparison.Ordinal)) return;
            throw new ShouldAssertException($"compose watch did not say \"{text}\":\n{Output}");
        }

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await process.WaitForExitAsync(patience.Token);
            process.Dispose();
        }
    }
}
