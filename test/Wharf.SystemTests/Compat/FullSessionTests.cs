using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>Every operation of the API is called at least once, and every answer is held against the reference's schema.</summary>
public sealed partial class FullSessionTests(EngineFixture engine)
{
    private static string Unique(string what) => $"compat-{what}-{Guid.NewGuid().ToString("N")[..8]}";

    [Fact]
    public async Task Containers_from_create_to_prune()
    {
        using var api = new ApiSession(engine.SocketPath);
        var name = Unique("life");
        const string Config = """{"Image":"busybox:latest","Cmd":["sh","-c","echo hello; exec sleep 600"],"Tty":false,"OpenStdin":true,"Labels":{"compat":"life"},"HostConfig":{"Memory":67108864,"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1"}]}},"ExposedPorts":{"80/tcp":{}}}""";
        var id = (await api.CallAsync("ContainerCreate", $"/containers/create?name={name}&platform=linux/amd64", 201, Config)).GetProperty("Id").GetString()!;
        await api.CallAsync("ContainerCreate", $"/containers/create?name={name}", 409, Config);
        await api.CallAsync("ContainerStart", $"/containers/{id}/start?detachKeys=ctrl-p", 204);
        await api.CallAsync("ContainerStart", $"/containers/{id}/start", 304);
        await api.CallAsync("ContainerList", "/containers/json?all=1&limit=5&size=1&filters={\"label\":[\"compat=life\"]}", 200);
        (await api.CallAsync("ContainerInspect", $"/containers/{name}/json?size=1", 200)).GetProperty("State").GetProperty("Running").GetBoolean().ShouldBeTrue();
        await api.CallAsync("ContainerInspect", "/containers/compat-nope/json", 404);
        (await api.CallAsync("ContainerTop", $"/containers/{id}/top?ps_args=-ef", 200)).GetProperty("Processes").GetArrayLength().ShouldBeGreaterThan(0);
        await api.CallAsync("ContainerLogs", $"/containers/{id}/logs?stdout=1&stderr=1&tail=10&timestamps=1&since=1&until=9999999999&follow=0", 200);
        await api.CallAsync("ContainerStats", $"/containers/{id}/stats?stream=0&one-shot=1", 200);
        await api.CallAsync("ContainerChanges", $"/containers/{id}/changes", 200);
        await api.CallAsync("ContainerExport", $"/containers/{id}/export", 200);
        await api.CallAsync("ContainerResize", $"/containers/{id}/resize?h=40&w=120", 200);
        await api.CallAsync("ContainerUpdate", $"/containers/{id}/update", 200, """{"Memory":134217728,"MemorySwap":268435456,"RestartPolicy":{"Name":"no"}}""");
        await api.CallAsync("ContainerRename", $"/containers/{id}/rename?name={name}-2", 204);
        await api.CallAsync("ContainerPause", $"/containers/{id}/pause", 204);
        await api.CallAsync("ContainerUnpause", $"/containers/{id}/unpause", 204);
        await Execs(api, id);
        await Files(api, id);
        await api.CallAsync("ContainerAttach", $"/containers/{id}/attach?stdout=1&stderr=1&logs=1&stream=0&stdin=0&detachKeys=ctrl-p", 200);
        await api.CallAsync("ContainerAttachWebsocket", "/containers/compat-nope/attach/ws?stdout=1&stderr=1&logs=1&stream=1&stdin=1&detachKeys=ctrl-p", 404);
        await api.CallAsync("ContainerKill", $"/containers/{id}/kill?signal=SIGWINCH", 204);
        await api.CallAsync("ContainerRestart", $"/containers/{id}/restart?t=0&signal=SIGKILL", 204);
        await api.CallAsync("ContainerStop", $"/containers/{id}/stop?t=0&signal=SIGKILL", 204);
        await api.CallAsync("ContainerStop", $"/containers/{id}/stop", 304);
        (await api.CallAsync("ContainerWait", $"/containers/{id}/wait?condition=not-running", 200)).GetProperty("StatusCode").GetInt32().ShouldBe(137);
        await api.CallAsync("ContainerWait", $"/containers/{id}/wait?condition=never", 400);
        await api.CallAsync("ContainerDelete", $"/containers/{id}?v=1&force=1&link=0", 204);
        await api.CallAsync("ContainerDelete", $"/containers/{id}", 404);
        await api.CallAsync("ContainerPrune", "/containers/prune?filters={\"label\":[\"compat=none\"]}", 200);
    }

    private static async Task Execs(ApiSession api, string id)
    {
        var exec = (await api.CallAsync("ContainerExec", $"/containers/{id}/exec", 201, """{"Cmd":["true"],"AttachStdout":true,"Env":["A=b"],"WorkingDir":"/tmp","User":"0"}""")).GetProperty("Id").GetString();
        await api.CallAsync("ExecStart", $"/exec/{exec}/start", 200, """{"Detach":false,"Tty":false}""");
        (await api.CallAsync("ExecInspect", $"/exec/{exec}/json", 200)).GetProperty("ExitCode").GetInt32().ShouldBe(0);
        await api.CallAsync("ExecResize", "/exec/compat-nope/resize?h=1&w=1", 404);
        await api.CallAsync("ContainerExec", $"/containers/{id}/exec", 400, """{"Cmd":[]}""");
    }

    private static async Task Files(ApiSession api, string id)
    {
        await api.CallAsync("ContainerArchiveInfo", $"/containers/{id}/archive?path=/etc", 200);
        await api.CallAsync("ContainerArchive", $"/containers/{id}/archive?path=/etc", 200);
        await api.CallAsync("ContainerArchive", $"/containers/{id}/archive?path=/nope", 404);
        await api.CallAsync("PutContainerArchive", $"/containers/{id}/archive?path=/tmp&noOverwriteDirNonDir=1&copyUIDGID=1", 200, new byte[1024]);
    }

    [Fact]
    public async Task Networks_and_volumes_from_create_to_prune()
    {
        using var api = new ApiSession(engine.SocketPath);
        var (net, volume, container) = (Unique("net"), Unique("vol"), Unique("c"));
        await api.CallAsync("NetworkCreate", "/networks/create", 201, $$"""{"Name":"{{net}}","Driver":"bridge","Labels":{"compat":"n"},"Internal":false,"Attachable":true,"Options":{"com.docker.network.bridge.enable_icc":"true"} }""");
        await api.CallAsync("NetworkList", "/networks?filters={\"label\":[\"compat=n\"],\"driver\":[\"bridge\"]}", 200);
        await api.CallAsync("ContainerCreate", $"/containers/create?name={container}", 201, """{"Image":"busybox:latest","Cmd":["sleep","600"]}""");
        await api.CallAsync("ContainerStart", $"/containers/{container}/start", 204);
        await api.CallAsync("NetworkConnect", $"/networks/{net}/connect", 200, $$"""{"Container":"{{container}}","EndpointConfig":{"Aliases":["other"]} }""");
        (await api.CallAsync("NetworkInspect", $"/networks/{net}?verbose=1&scope=local", 200)).GetProperty("Containers").EnumerateObject().Count().ShouldBe(1);
        await api.CallAsync("NetworkDelete", $"/networks/{net}", 403);
        await api.CallAsync("NetworkDisconnect", $"/networks/{net}/disconnect", 200, $$"""{"Container":"{{container}}","Force":true}""");
        await api.CallAsync("NetworkDelete", $"/networks/{net}", 204);
        await api.CallAsync("NetworkInspect", $"/networks/{net}", 404);
        await api.CallAsync("NetworkPrune", "/networks/prune?filters={\"label\":[\"compat=none\"]}", 200);
        await api.CallAsync("ContainerDelete", $"/containers/{container}?force=1", 204);

        await api.CallAsync("VolumeCreate", "/volumes/create", 201, $$"""{"Name":"{{volume}}","Driver":"local","Labels":{"compat":"v"},"DriverOpts":{} }""");
        await api.CallAsync("VolumeList", "/volumes?filters={\"label\":[\"compat=v\"],\"dangling\":[\"true\"]}", 200);
        await api.CallAsync("VolumeInspect", $"/volumes/{volume}", 200);
        await api.CallAsync("VolumeUpdate", $"/volumes/{volume}?version=1", 503, "{}");
        await api.CallAsync("VolumeDelete", $"/volumes/{volume}?force=0", 204);
        await api.CallAsync("VolumeInspect", $"/volumes/{volume}", 404);
        await api.CallAsync("VolumePrune", "/volumes/prune?filters={\"label\":[\"compat=none\"]}", 200);
    }
}
