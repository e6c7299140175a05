using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Containers that share network, IPC namespace and host name.</summary>
public sealed class PodTests(EngineFixture engine)
{
    [Fact]
    public async Task Containers_of_a_pod_share_its_namespaces_and_its_ports()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no pods");
        const string pod = "sharing";
        try
        {
            (await engine.WharfAsync("pod", "create", "--name", pod, "-p", "127.0.0.1:0:80", "--share-pid", "-l", "k=v")).ShouldExit(0).Out.ShouldBe(pod + "\n");
            (await engine.WharfAsync("pod", "create", pod)).ShouldExit(1).Error.ShouldContain("already exists");
            (await engine.WharfAsync("pod", "create", "--name", pod, "other")).ShouldExit(1).Error.ShouldContain("conflicting names");
            (await engine.WharfAsync("pod", "ls", "--format", "{{.Name}} {{.Status}} {{.Containers}}")).Out.ShouldBe($"{pod} created 0\n");
            (await engine.WharfAsync("run", "-d", "--name", "sharing-web", "--stop-timeout", "0", "--pod", pod, "busybox", "sh", "-c", "mkdir /www; echo hi > /www/index.html; exec httpd -f -p 80 -h /www")).ShouldExit(0);
            var seen = (await engine.WharfAsync("run", "--rm", "--pod", pod, "busybox", "sh", "-c", "until wget -qO- http://127.0.0.1/; do sleep 0.1; done; hostname; ps | grep -c '[h]ttpd'; readlink /proc/self/ns/ipc; echo x > /dev/shm/x")).ShouldExit(0).Out.Split('\n');
            seen[..3].ShouldBe(["hi", pod, "1"]);
            (await engine.DockerAsync("exec", "sharing-web", "sh", "-c", "readlink /proc/self/ns/ipc; cat /dev/shm/x; cat /proc/1/comm")).Out.ShouldBe(seen[3] + "\nx\n.wharf-pause\n");
            var address = (await engine.DockerAsync("port", pod + "-infra", "80")).ShouldExit(0).Text;
            using var http = new HttpClient();
            (await http.GetStringAsync($"http://{address}/index.html", TestContext.Current.CancellationToken)).ShouldBe("hi\n");
            (await engine.WharfAsync("run", "--pod", pod, "-p", "81:81", "busybox", "true")).ShouldExit(125).Error.ShouldContain("--publish cannot be used with --pod");
            (await engine.WharfAsync("run", "--pod", "no-such-pod", "busybox", "true")).ShouldExit(125).Error.ShouldContain("No such pod");

            (await engine.WharfAsync("create", "--name", "sharing-second", "--stop-timeout", "0", "--pod", pod, "busybox", "sleep", "1000")).ShouldExit(0);
            (await StatusAsync(pod)).ShouldBe("degraded");
            (await engine.WharfAsync("pod", "stop", pod)).ShouldExit(0).Out.ShouldBe(pod + "\n");
            (await StatusAsync(pod)).ShouldBe("exited");
            (await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", pod + "-infra")).Text.ShouldBe("exited");
            (await engine.WharfAsync("pod", "start", pod)).ShouldExit(0);
            var inspected = JsonNode.Parse((await engine.WharfAsync("pod", "inspect", pod)).ShouldExit(0).Out)![0]!;
            ((string)inspected["State"]!).ShouldBe("running");
            inspected["Containers"]!.AsArray().Select(container => (string)container!["Name"]!).ShouldBe([pod + "-infra", "sharing-second", "sharing-web"]);
            inspected["SharedNamespaces"]!.AsArray().Select(space => (string)space!).ShouldBe(["ipc", "net", "uts", "pid"]);
            ((string)inspected["Labels"]!["k"]!).ShouldBe("v");
            (await engine.WharfAsync("pod", "rm", pod)).ShouldExit(1).Error.ShouldContain("has running containers");
            (await engine.WharfAsync("pod", "rm", "-f", "-v", pod)).ShouldExit(0);
            (await engine.WharfAsync("pod", "ps", "-q")).Out.ShouldBe("");
            (await engine.DockerAsync("ps", "-aq", "--filter", "label=wharf.pod")).Out.ShouldBe("");
        }
        finally
        {
            await engine.WharfAsync("pod", "rm", "-f", "-v", pod);
            await engine.DockerAsync("rmi", "wharf-pause:1");
        }
    }

    [Fact]
    public async Task A_pod_is_there_again_before_its_containers_when_all_have_ended()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no pods");
        const string pod = "returning";
        try
        {
            (await engine.WharfAsync("pod", "create", pod)).ShouldExit(0);
            // The names sort before the pod's own container; what comes first must not matter.
            foreach (var name in new[] { "a-returning", "z-returning" }) (await engine.WharfAsync("run", "-d", "--name", name, "--restart", "always", "--pod", pod, "busybox", "sleep", "1000")).ShouldExit(0);
            // As after a power cut: the daemon and all containers are gone at once.
            var pids = await PidsAsync(pod);
            await engine.KillDaemonAsync();
            await CommandResult.RunAsync("kill", ["-KILL", .. pids]);
            await engine.StartDaemonAsync();
            // A new daemon takes them for running until it has asked their shims.
            for (int i = 0; (await PidsAsync(pod)).Intersect([.. pids, "0"]).Any() && i < 150; i++) await Task.Delay(100);
            (await StatusAsync(pod)).ShouldBe("running");
            (await engine.DockerAsync("exec", "a-returning", "hostname")).Text.ShouldBe(pod);
            string Space(string pid) => new FileInfo($"/proc/{pid}/ns/net").LinkTarget!;
            (await PidsAsync(pod)).Select(Space).Distinct().Count().ShouldBe(1);
        }
        finally
        {
            await engine.WharfAsync("pod", "rm", "-f", pod);
            await engine.DockerAsync("rmi", "wharf-pause:1");
        }
    }

    private async Task<string[]> PidsAsync(string pod) =>
        (await engine.DockerAsync("inspect", "-f", "{{.State.Pid}}", "a-" + pod, "z-" + pod, pod + "-infra")).Text.Split('\n');

    private async Task<string> StatusAsync(string pod) => (await engine.WharfAsync("pod", "inspect", "-f", "{{.State}}", pod)).Text;
}
