using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.MainJob;

/// <summary>Build, publish, commit, push, pull: the way of an application from its source to another machine.</summary>
public sealed class ShipTests(EngineFixture engine)
{
    [Fact]
    public async Task An_application_is_built_in_stages_cached_run_and_reached()
    {
        var context = Directory.CreateDirectory(Path.Combine(engine.Root, "app")).FullName;
        await File.WriteAllTextAsync(context + "/page", "built by @SHIP_WHO@\n");
        await File.WriteAllTextAsync(context + "/Dockerfile", """
            FROM busybox AS pages
            ARG SHIP_WHO=nobody
            WORKDIR /ship-site
            COPY page index.html
            RUN sed -i "s/@SHIP_WHO@/$SHIP_WHO/" index.html && id -un > user
            FROM busybox
            LABEL kind=test
            ENV PORT=8080
            COPY --from=pages --chown=65534:65534 /ship-site /www
            USER nobody
            EXPOSE 8080
            VOLUME /data
            ENTRYPOINT ["sh", "-c"]
            CMD ["exec httpd -f -p $PORT -h /www"]
            """);
        var first = (await engine.DockerAsync("build", "-t", "ship-app", "--build-arg", "SHIP_WHO=wharf", context)).ShouldExit(0);
        first.Out.ShouldContain("Successfully tagged ship-app:latest");
        first.Out.ShouldNotContain("Using cache");
        (await engine.DockerAsync("build", "-t", "ship-app", "--build-arg", "SHIP_WHO=wharf", context)).ShouldExit(0).Out.ShouldContain("Using cache");

        int port = FreePort();
        var id = (await engine.DockerAsync("run", "-d", "-p", $"127.0.0.1:{port}:8080", "ship-app")).ShouldExit(0).Text;
        (await FetchAsync(port)).ShouldBe("built by wharf\n");
        (await engine.DockerAsync("port", id)).Text.ShouldBe($"8080/tcp -> 127.0.0.1:{port}");
        (await engine.DockerAsync("exec", id, "sh", "-c", "id -un; ls -ld /data /www/user; cat /www/user")).ShouldExit(0).Out.ShouldEndWith("root\n");
        (await engine.DockerAsync("exec", id, "sh", "-c", "echo kept > /tmp/kept")).ShouldExit(0);

        (await engine.DockerAsync("commit", "-m", "a visit", "-a", "tester", id, "ship-app:visited")).ShouldExit(0);
        (await engine.DockerAsync("rm", "-f", "-v", id)).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "ship-app:visited", "cat /tmp/kept")).ShouldExit(0).Out.ShouldBe("kept\n");
        (await engine.DockerAsync("history", "--format", "{{.Comment}}", "ship-app:visited")).Out.Split('\n')[0].ShouldBe("a visit");

        await using var registry = await LocalRegistry.StartAsync(Path.Combine(engine.Root, "registry"));
        var remote = $"127.0.0.1:{registry.Port}/team/ship-app:visited";
        (await engine.DockerAsync("tag", "ship-app:visited", remote)).ShouldExit(0);
        var push = (await engine.DockerAsync("push", remote)).ShouldExit(0);
        var digest = push.Out[(push.Out.IndexOf("digest: ", StringComparison.Ordinal) + 8)..].Split(' ')[0];
        var image = (await engine.DockerAsync("inspect", "--format", "{{.Id}}", remote)).Text;
        (await engine.DockerAsync("rmi", remote, "ship-app:visited", "ship-app")).ShouldExit(0);
        (await engine.DockerAsync("pull", remote)).ShouldExit(0).Out.ShouldContain("Digest: " + digest);
        (await engine.DockerAsync("inspect", "--format", "{{.Id}}", remote)).Text.ShouldBe(image);
        (await engine.DockerAsync("run", "--rm", remote, "cat /tmp/kept")).ShouldExit(0).Out.ShouldBe("kept\n");
        (await engine.DockerAsync("rmi", remote)).ShouldExit(0);
    }

    [Fact]
    public async Task A_failing_step_ends_the_build_with_its_code_and_its_output()
    {
        var context = Directory.CreateDirectory(Path.Combine(engine.Root, "failing")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nRUN echo about to fail && exit 3\n");
        var result = (await engine.DockerAsync("build", context)).ShouldExit(3);
        result.Out.ShouldContain("about to fail");
        result.Error.ShouldContain("The command '/bin/sh -c echo about to fail && exit 3' returned a non-zero code: 3");
    }

    [Fact]
    public async Task An_image_is_saved_loaded_exported_and_imported()
    {
        var file = Path.Combine(engine.Root, "saved.tar");
        (await engine.DockerAsync("tag", "busybox", "ship-saved:1")).ShouldExit(0);
        var id = (await engine.DockerAsync("inspect", "--format", "{{.Id}}", "ship-saved:1")).Text;
        (await engine.DockerAsync("save", "-o", file, "ship-saved:1")).ShouldExit(0);
        (await engine.DockerAsync("rmi", "ship-saved:1")).ShouldExit(0);
        (await engine.DockerAsync("load", "-i", file)).ShouldExit(0).Text.ShouldBe("Loaded image: ship-saved:1");
        (await engine.DockerAsync("inspect", "--format", "{{.Id}}", "ship-saved:1")).Text.ShouldBe(id);
        await using var container = await RunningContainer.StartAsync(engine, [], "sh", "-c", "echo here > /here; sleep 1000");
        (await engine.DockerAsync("exec", container.Id, "sh", "-c", "until [ -s /here ]; do sleep 0.01; done")).ShouldExit(0);
        (await engine.DockerAsync("export", "-o", file, container.Id)).ShouldExit(0);
        (await engine.DockerAsync("import", file, "ship-saved:2")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "ship-saved:2", "cat", "/here")).ShouldExit(0).Out.ShouldBe("here\n");
        (await engine.DockerAsync("rmi", "ship-saved:1", "ship-saved:2")).ShouldExit(0);
    }

    [Fact]
    public async Task Volumes_and_binds_outlive_the_container()
    {
        var host = Directory.CreateDirectory(Path.Combine(engine.Root, "bound")).FullName;
        (await engine.DockerAsync("run", "--rm", "-v", "ship-volume:/v", "-v", host + ":/h", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c", "echo a > /v/a; echo b > /h/b; df -m /t | tail -n 1")).ShouldExit(0).Out.ShouldContain("tmpfs");
        (await engine.DockerAsync("run", "--rm", "-v", "ship-volume:/v:ro", "busybox", "sh", "-c", "cat /v/a; touch /v/b")).ShouldExit(1).Error.ShouldContain("Read-only file system");
        (await File.ReadAllTextAsync(host + "/b")).ShouldBe("b\n");
        (await engine.DockerAsync("volume", "rm", "ship-volume")).ShouldExit(0);
    }

    [Fact]
    public async Task Containers_run_on_with_log_and_exit_code_while_the_daemon_is_killed()
    {
        if (!engine.IsWharf) return;
        await using var container = await RunningContainer.StartAsync(engine, [], "sh", "-c", "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; sleep 0.1; done; exit 6");
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        (await engine.DockerAsync("wait", container.Id)).ShouldExit(0).Text.ShouldBe("6");
        (await engine.DockerAsync("logs", container.Id)).Out.ShouldBe(string.Concat(Enumerable.Range(1, 30).Select(i => $"line {i}\n")));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<string> FetchAsync(int port)
    {
        using var http = new HttpClient();
        for (int tries = 0; ; tries++)
        {
            try { return await http.GetStringAsync($"http://127.0.0.1:{port}/"); }
            catch (HttpRequestException) when (tries < 100) { await Task.Delay(50); } // httpd is not listening yet
        }
    }
}
