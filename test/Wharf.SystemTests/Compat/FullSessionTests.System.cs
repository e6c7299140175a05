using System.Globalization;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class FullSessionTests
{
    [Fact]
    public async Task The_system_tells_of_itself()
    {
        using var api = new ApiSession(engine.SocketPath);
        await api.CallAsync("SystemPing", "/_ping", 200);
        await api.CallAsync("SystemPingHead", "/_ping", 200);
        (await api.CallAsync("SystemVersion", "/version", 200)).GetProperty("ApiVersion").GetString().ShouldBe("1.51");
        (await api.CallAsync("SystemInfo", "/info", 200)).GetProperty("Swarm").GetProperty("LocalNodeState").GetString().ShouldBe("inactive");
        await api.CallAsync("SystemDataUsage", "/system/df?type=container&type=image&type=volume", 200);
        await api.CallAsync("SystemDataUsage", "/system/df?type=planet", 400);
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        await api.CallAsync("SystemEvents", $"/events?since=0&until={now}&filters={{\"type\":[\"image\"]}}", 200);
        await api.CallAsync("SystemAuth", "/auth", 500, """{"username":"a","password":"b","serveraddress":"127.0.0.1:1"}""");
        await api.CallAsync("Session", "/session", 400);
    }

    [Fact]
    public async Task Outside_a_swarm_its_operations_say_so()
    {
        using var api = new ApiSession(engine.SocketPath);
        await api.CallAsync("SwarmInspect", "/swarm", 503);
        await api.CallAsync("SwarmUnlockkey", "/swarm/unlockkey", 503);
        await api.CallAsync("SwarmUnlock", "/swarm/unlock", 503, """{"UnlockKey":"SWMKEY"}""");
        await api.CallAsync("SwarmUpdate", "/swarm/update?version=1&rotateWorkerToken=1&rotateManagerToken=0&rotateManagerUnlockKey=0", 503, "{}");
        await api.CallAsync("SwarmUpdate", "/swarm/update?version=one", 400, "{}");
        (await api.CallAsync("SwarmLeave", "/swarm/leave?force=1", 503)).GetProperty("message").GetString().ShouldBe("This node is not part of a swarm");
        await api.CallAsync("SwarmInit", "/swarm/init", 400, "{}");
        await api.CallAsync("SwarmJoin", "/swarm/join", 400, "{}");
        await api.CallAsync("NodeList", "/nodes?filters={}", 503);
        await api.CallAsync("NodeInspect", "/nodes/x", 503);
        await api.CallAsync("NodeDelete", "/nodes/x?force=1", 503);
        await api.CallAsync("NodeUpdate", "/nodes/x/update?version=1", 503, "{}");
        await api.CallAsync("ServiceList", "/services?filters={}&status=1", 503);
        await api.CallAsync("ServiceCreate", "/services/create", 503, "{}");
        await api.CallAsync("ServiceInspect", "/services/x?insertDefaults=1", 503);
        await api.CallAsync("ServiceDelete", "/services/x", 503);
        await api.CallAsync("ServiceUpdate", "/services/x/update?version=1&registryAuthFrom=spec&rollback=", 503, "{}");
        await api.CallAsync("ServiceLogs", "/services/x/logs?stdout=1&stderr=1&details=1&follow=0&since=0&timestamps=1&tail=1", 503);
        await api.CallAsync("TaskList", "/tasks?filters={}", 503);
        await api.CallAsync("TaskInspect", "/tasks/x", 503);
        await api.CallAsync("TaskLogs", "/tasks/x/logs?stdout=1&stderr=1&details=1&follow=0&since=0&timestamps=1&tail=1", 503);
        await api.CallAsync("SecretList", "/secrets?filters={}", 503);
        await api.CallAsync("SecretCreate", "/secrets/create", 503, "{}");
        await api.CallAsync("SecretInspect", "/secrets/x", 503);
        await api.CallAsync("SecretDelete", "/secrets/x", 503);
        await api.CallAsync("SecretUpdate", "/secrets/x/update?version=1", 503, "{}");
        await api.CallAsync("ConfigList", "/configs?filters={}", 503);
        await api.CallAsync("ConfigCreate", "/configs/create", 503, "{}");
        await api.CallAsync("ConfigInspect", "/configs/x", 503);
        await api.CallAsync("ConfigDelete", "/configs/x", 503);
        await api.CallAsync("ConfigUpdate", "/configs/x/update?version=1", 503, "{}");
    }

    [Fact]
    public async Task Plugins_are_none()
    {
        using var api = new ApiSession(engine.SocketPath);
        (await api.CallAsync("PluginList", "/plugins?filters={\"enabled\":[\"true\"]}", 200)).GetArrayLength().ShouldBe(0);
        await api.CallAsync("PluginInspect", "/plugins/compat-nope/json", 404);
        await api.CallAsync("PluginDelete", "/plugins/compat-nope?force=1", 404);
        await api.CallAsync("PluginEnable", "/plugins/compat-nope/enable?timeout=1", 404);
        await api.CallAsync("PluginDisable", "/plugins/compat-nope/disable?force=1", 404);
        await api.CallAsync("PluginPush", "/plugins/compat-nope/push", 404);
        await api.CallAsync("PluginSet", "/plugins/compat-nope/set", 404, "[]");
        if (!engine.IsWharf) return; // real docker would go and fetch it
        await api.CallAsync("PluginUpgrade", "/plugins/compat-nope/upgrade?remote=127.0.0.1:1/x", 404, "[]");
        await api.CallAsync("GetPluginPrivileges", "/plugins/privileges?remote=127.0.0.1:1/x", 501);
        await api.CallAsync("PluginPull", "/plugins/pull?remote=127.0.0.1:1/x&name=x", 501, "[]");
        await api.CallAsync("PluginCreate", "/plugins/create?name=x", 501, new byte[1024]);
    }

    [Fact]
    public async Task Every_version_from_1_24_on_is_served()
    {
        using var session = new ApiSession(engine.SocketPath);
        for (int minor = 24; minor <= 51; minor++)
        {
            foreach (var path in (string[])["_ping", "version", "info", "containers/json?all=1", "images/json", "images/busybox:latest/json", "networks", "volumes", "system/df"])
            {
                var answer = await CommandResult.RunAsync("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", engine.SocketPath, $"http://d/v1.{minor}/{path}"]);
                answer.ShouldExit(0).Text.ShouldBe("200", $"v1.{minor} {path}");
            }
        }
    }

    [Theory]
    [InlineData("info", "KernelMemory", 24, 41)]
    [InlineData("info", "BridgeNfIptables", 24, 49)]
    [InlineData("info", "FirewallBackend", 49, 51)]
    [InlineData("images/busybox:latest/json", "VirtualSize", 24, 43)]
    [InlineData("images/busybox:latest/json", "ContainerConfig", 24, 44)]
    public async Task Fields_come_and_go_with_the_version(string path, string field, int first, int last)
    {
        foreach (int minor in (int[])[24, first - 1, first, last, last + 1, 51])
        {
            if (minor is < 24 or > 51) continue;
            var answer = await CommandResult.RunAsync("curl", ["-sS", "--unix-socket", engine.SocketPath, $"http://d/v1.{minor}/{path}"]);
            using var document = JsonDocument.Parse(answer.ShouldExit(0).Out);
            document.RootElement.TryGetProperty(field, out _).ShouldBe(minor >= first && minor <= last, $"{field} of {path} in 1.{minor}");
        }
    }
}
