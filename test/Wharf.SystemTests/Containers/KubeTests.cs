using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Files of Kubernetes run as pods.</summary>
public sealed class KubeTests(EngineFixture engine)
{
    private static string File(int port) => $$"""
        apiVersion: v1
        kind: Pod
        metadata: { name: played, labels: { app: web }, annotations: { note: "an annotation" } }
        spec:
          restartPolicy: OnFailure
          terminationGracePeriodSeconds: 1
          hostAliases: [{ ip: 192.0.2.7, hostnames: [outside] }]
          securityContext: { supplementalGroups: [50] }
          initContainers:
            - { name: prepare, image: busybox, command: [sh, -c, "echo prepared > /www/index.html"], volumeMounts: [{ name: www, mountPath: /www }] }
          containers:
            - name: web
              image: busybox
              command: [sh, -c, "echo $(GREETING) $$(date >/dev/null; echo $0); exec httpd -f -p 8080 -h /www"]
              args: [argument]
              ports: [{ name: http, containerPort: 8080, hostPort: {{port}}, hostIP: 127.0.0.1 }]
              env:
                - { name: GREETING, value: hello }
                - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
                - { name: APP, valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }
                - { name: LEVEL, valueFrom: { configMapKeyRef: { name: settings, key: level } } }
                - { name: WORD, valueFrom: { secretKeyRef: { name: words, key: word } } }
              envFrom: [{ prefix: S_, configMapRef: { name: settings } }]
              resources: { limits: { cpu: 500m, memory: 64Mi }, requests: { cpu: 250m, memory: 32Mi } }
              securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] } }
              livenessProbe: { httpGet: { path: /index.html, port: http }, periodSeconds: 1, failureThreshold: 5 }
              startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 30 }
              volumeMounts:
                - { name: www, mountPath: /www }
                - { name: settings, mountPath: /etc/settings }
                - { name: settings, mountPath: /etc/one, subPath: level }
                - { name: words, mountPath: /etc/words }
                - { name: kept, mountPath: /kept }
            - { name: side, image: busybox, command: [sleep, "600"], securityContext: { runAsUser: 33, runAsGroup: 33, runAsNonRoot: true }, volumeMounts: [{ name: www, mountPath: /shared }, { name: fast, mountPath: /fast }] }
          volumes:
            - { name: www, emptyDir: {} }
            - { name: fast, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
            - { name: settings, configMap: { name: settings } }
            - { name: words, secret: { secretName: words, defaultMode: 0400, items: [{ key: word, path: sub/word }] } }
            - { name: kept, persistentVolumeClaim: { claimName: played-kept } }
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: settings }
        data: { level: "3", long.txt: "two\nlines\n" }
        ---
        apiVersion: v1
        kind: Secret
        metadata: { name: words }
        stringData: { word: swordfish }
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: { name: played-kept }
        spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
        """;

    private Task<CommandResult> PlayAsync(string yaml, params string[] words) => engine.WharfAsync(Encoding.UTF8.GetBytes(yaml), [.. words, "-"]);

    private async Task<string> InAsync(string container, string script) => (await engine.DockerAsync("exec", container, "sh", "-c", script)).ShouldExit(0).Out;

    [Fact]
    public async Task A_pod_has_what_its_file_says_and_goes_with_it()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        var port = LocalRegistry.FreePort();
        var yaml = File(port);
        try
        {
            (await PlayAsync(yaml, "kube", "play")).ShouldExit(0).Out.ShouldBe("played\n");
            (await engine.WharfAsync("pod", "inspect", "-f", "{{.State}} {{.Labels.app}}", "played")).Text.ShouldBe("running web");
            using var http = new HttpClient();
            for (int i = 0; ; i++)
            {
                try
                {
                    (await http.GetStringAsync($"http://127.0.0.1:{port}/index.html", TestContext.Current.CancellationToken)).ShouldBe("prepared\n");
                    break;
                }
                catch (HttpRequestException) when (i < 100) { await Task.Delay(100, TestContext.Current.CancellationToken); }
            }
            (await engine.DockerAsync("logs", "played-web")).ShouldExit(0).Out.ShouldBe("hello argument\n");
            (await InAsync("played-web", "echo $GREETING $POD $APP $LEVEL $S_level; cat /etc/settings/long.txt /etc/one; echo; cat /etc/words/sub/word; echo; stat -c %a /etc/words/sub/word; grep outside /etc/hosts; grep -e CapEff -e NoNewPrivs /proc/self/status; touch /x 2>&1; touch /etc/settings/x 2>&1; touch /kept/x; true"))
                .ShouldBe("hello played web 3 3\ntwo\nlines\n3\nswordfish\n400\n192.0.2.7\toutside\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\ntouch: /x: Read-only file system\ntouch: /etc/settings/x: Read-only file system\n");
            (await InAsync("played-web", "tr '\\0' '\\n' < /proc/1/environ | grep ^WORD=")).ShouldBe("WORD=swordfish\n");
            (await engine.DockerAsync("inspect", "played-web")).Out.ShouldNotContain("swordfish");
            (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.CpuShares}} {{.HostConfig.RestartPolicy.Name}} {{.Config.StopTimeout}}", "played-web")).Text.ShouldBe("500000000 67108864 33554432 256 on-failure 1");
            (await InAsync("played-side", "id -u; id -G; cat /shared/index.html; touch /shared/y /fast/z; df -k /fast | tail -1 | awk '{print $2}'")).ShouldBe("33\n33 50\nprepared\n1024\n");
            for (int i = 0; (await engine.DockerAsync("inspect", "-f", "{{.State.Health.Status}}", "played-web")).Text != "healthy" && i < 100; i++) await Task.Delay(200, TestContext.Current.CancellationToken);
            (await engine.DockerAsync("inspect", "-f", "{{.State.Health.Status}}", "played-web")).Text.ShouldBe("healthy");

            (await PlayAsync(yaml, "play", "kube")).ShouldExit(1).Error.ShouldContain("pod played already exists");
            (await PlayAsync(yaml, "play", "kube", "--replace")).ShouldExit(0);
            (await InAsync("played-web", "ls /kept")).ShouldBe("x\n", "claims stay");
            (await InAsync("played-side", "ls /shared")).ShouldBe("index.html\n", "and nothing else does");
            (await PlayAsync(yaml, "kube", "play", "--down")).ShouldExit(0).Out.ShouldBe("played\n");
            (await engine.DockerAsync("ps", "-aq", "--filter", "label=wharf.pod=played")).Text.ShouldBe("");
            (await engine.DockerAsync("volume", "ls", "-q", "--filter", "name=played")).Text.ShouldBe("played-kept");
            (await engine.WharfAsync("secret", "ls", "-q")).Text.ShouldBe("");
        }
        finally
        {
            await PlayAsync(yaml, "kube", "down");
            await engine.DockerAsync("volume", "rm", "played-kept");
            await engine.DockerAsync("rmi", "wharf-pause:1");
        }
    }

    [Fact]
    public async Task What_generate_kube_prints_is_played()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        var yaml = "";
        try
        {
            (await engine.WharfAsync("run", "-d", "--name", "printed", "-e", "A=it's $(x) $HOME", "-v", "printed-data:/data", "--tmpfs", "/run", "-v", "/etc/hostname:/host:ro", "-p", $"127.0.0.1:{LocalRegistry.FreePort()}:80", "-m", "32m", "--cpus", "0.5", "--health-cmd", "test -d /data", "--health-interval", "1s",
                "--restart", "always", "--stop-timeout", "1", "--user", "33:34", "--cap-drop", "ALL", "--add-host", "x:192.0.2.9", "-l", "k=v", "-l", "long=a b", "busybox", "sh", "-c", "echo \"$A\"; exec sleep 600")).ShouldExit(0);
            yaml = (await engine.WharfAsync("kube", "generate", "printed")).ShouldExit(0).Out;
            (await engine.DockerAsync("rm", "-f", "printed")).ShouldExit(0);
            (await PlayAsync(yaml, "kube", "play")).ShouldExit(0).Out.ShouldBe("printed\n");
            (await engine.DockerAsync("logs", "printed-printed")).Out.ShouldBe("it's $(x) $HOME\n");
            var again = (await engine.DockerAsync("inspect", "-f", "{{.Config.User}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.CapDrop}} {{.Config.Labels.k}} {{json .Config.Healthcheck.Test}}", "printed-printed")).ShouldExit(0).Text;
            again.ShouldBe("33:34 33554432 500000000 always [ALL] v [\"CMD\",\"/bin/sh\",\"-c\",\"test -d /data\"]");
            (await InAsync("printed-printed", "grep -c ' /data \\| /run \\| /host ' /proc/mounts; grep 192 /etc/hosts | grep x$")).ShouldBe("3\n192.0.2.9\tx\n");
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", "printed");
            if (yaml != "") await PlayAsync(yaml, "kube", "down");
            await engine.DockerAsync("volume", "rm", "printed-data");
            await engine.DockerAsync("rmi", "wharf-pause:1");
        }
    }

    [Fact]
    public async Task A_deployment_runs_and_an_init_container_that_fails_is_told()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        const string deployment = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: { name: deployed }
            spec:
              replicas: 1
              selector: { matchLabels: { app: d } }
              template:
                metadata: { labels: { app: d } }
                spec:
                  initContainers: [{ name: first, image: busybox, command: [sh, -c, "exit CODE"] }]
                  containers: [{ name: main, image: busybox, imagePullPolicy: Never, command: [sleep, "600"] }]
            """;
        var (good, bad) = (deployment.Replace("CODE", "0", StringComparison.Ordinal), deployment.Replace("CODE", "3", StringComparison.Ordinal));
        try
        {
            (await PlayAsync(bad, "kube", "play")).ShouldExit(1).Error.ShouldContain("Pod deployed-pod: init container deployed-pod-first exited with code 3");
            (await PlayAsync(good, "kube", "play", "--replace")).ShouldExit(0).Out.ShouldBe("deployed-pod\n");
            (await engine.WharfAsync("pod", "inspect", "-f", "{{.State}}", "deployed-pod")).Text.ShouldBe("running");
            (await PlayAsync(good, "kube", "down")).ShouldExit(0);
            (await PlayAsync(good.Replace("replicas: 1", "replicas: 3", StringComparison.Ordinal), "kube", "play")).ShouldExit(1).Error.ShouldBe("Error: Deployment deployed: spec.replicas: it is 3, and one is what runs on one machine\n");
            (await PlayAsync(good.Replace("imagePullPolicy: Never", "securityContext: { runAsNonRoot: true }", StringComparison.Ordinal), "kube", "play")).ShouldExit(1).Error.ShouldContain("securityContext.runAsNonRoot: the image's user \"\" is root");
            (await engine.WharfAsync("pod", "ls", "-q")).Text.ShouldBe("");
        }
        finally
        {
            await PlayAsync(good, "kube", "down");
            await engine.DockerAsync("rmi", "wharf-pause:1");
        }
    }
}
