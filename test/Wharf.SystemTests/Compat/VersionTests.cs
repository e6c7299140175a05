using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>Fields and parameters that came and went between the API's versions: seen on one side of the boundary and not on the other.</summary>
public sealed class VersionTests(EngineFixture engine)
{
    private const string Name = "compat-versions";

    /// <summary>The request, the field as a path, the last version of the old way, and whether it was there before or is there since.</summary>
    public static TheoryData<string, string, string, bool> Fields => new()
    {
        { "/images/busybox/json", "VirtualSize", "1.43", true },
        { "/images/busybox/json", "ContainerConfig", "1.44", true },
        { "/images/busybox/json", "Config.Hostname", "1.49", true },
        { "/images/json", "[0].VirtualSize", "1.43", true },
        { "/system/df?type=volume", "Images.[0]", "1.41", true },
        { "/info", "KernelMemory", "1.41", true },
        { "/info", "RegistryConfig.AllowNondistributableArtifactsCIDRs", "1.46", true },
        { "/info", "FirewallBackend", "1.48", false },
        { "/info", "RuncCommit.Expected", "1.48", true },
        { "/info", "BridgeNfIptables", "1.49", true },
        { $"/networks?filters=%7B%22name%22%3A%5B%22{Name}%22%5D%7D", "[0].Containers.{}", "1.27", true },
        { $"/containers/json?filters=%7B%22name%22%3A%5B%22{Name}%22%5D%7D", "[0].HostConfig.Annotations", "1.45", false },
    };

    [Theory]
    [MemberData(nameof(Fields))]
    [Covers("ImageInspect"), Covers("ImageList"), Covers("SystemDataUsage"), Covers("SystemInfo"), Covers("NetworkList"), Covers("ContainerList")]
    public async Task A_field_is_told_in_its_versions_alone(string path, string field, string last, bool before)
    {
        await using var container = await StartAsync();
        foreach (var (version, expected) in ((string, bool)[])[(last, before), (Next(last), !before)])
        {
            using var api = new EngineApi(engine.SocketPath, version);
            var answer = await api.GetAsync(path);
            answer.Status.ShouldBe(200, answer.Text);
            Has(answer.Json, field).ShouldBe(expected, $"{field} in {version}: {answer.Text}");
        }
    }

    /// <summary>What a container becomes: the request's fields, a field of the inspect document, and its value until that version and since.</summary>
    public static TheoryData<string, string, string, string, string> Requests => new()
    {
        { """ "HostConfig":{"AutoRemove":true} """, "HostConfig.AutoRemove", "1.24", "false", "true" },
        { """ "HostConfig":{} """, "HostConfig.IpcMode", "1.39", "shareable", "private" },
        { """ "HostConfig":{"ConsoleSize":[20,30]} """, "HostConfig.ConsoleSize", "1.41", "[0,0]", "[20,30]" },
        { """ "HostConfig":{"Annotations":{"a":"b"}} """, "HostConfig.Annotations.a", "1.42", "", "b" },
        { """ "Healthcheck":{"Test":["CMD","x"],"StartInterval":2000000000} """, "Config.Healthcheck.StartInterval", "1.43", "", "2000000000" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    [Covers("ContainerCreate")]
    public async Task A_field_is_read_since_its_version_alone(string fields, string field, string last, string before, string since)
    {
        using var newest = new EngineApi(engine.SocketPath);
        foreach (var (version, expected) in ((string, string)[])[(last, before), (Next(last), since)])
        {
            using var api = new EngineApi(engine.SocketPath, version);
            var made = await api.PostAsync("/containers/create", $$"""{"Image":"busybox:latest",{{fields}}}""");
            made.Status.ShouldBe(201, made.Text);
            var id = made.Json["Id"]!.GetValue<string>();
            try { (Find((await newest.GetAsync($"/containers/{id}/json")).Json, field)?.ToJsonString().Trim('"') ?? "").ShouldBe(expected, $"{field} by {version}"); }
            finally { (await newest.DeleteAsync($"/containers/{id}?force=1")).Status.ShouldBe(204); }
        }
    }

    [Fact]
    [Covers("ContainerUpdate")]
    public async Task The_number_of_processes_is_changed_since_1_40_and_kernel_memory_until_1_41()
    {
        await using var container = await StartAsync();
        using var newest = new EngineApi(engine.SocketPath);
        async Task<JsonNode> UpdateAsync(string version, string body)
        {
            using var api = new EngineApi(engine.SocketPath, version);
            (await api.PostAsync($"/containers/{Name}/update", body)).Status.ShouldBe(200);
            return (await newest.GetAsync($"/containers/{Name}/json")).Json["HostConfig"]!;
        }
        (await UpdateAsync("1.39", """{"PidsLimit":70}"""))["PidsLimit"].ShouldBeNull();
        (await UpdateAsync("1.40", """{"PidsLimit":71}"""))["PidsLimit"]!.GetValue<long>().ShouldBe(71);
        (await UpdateAsync("1.42", """{"KernelMemory":8388608}"""))["KernelMemory"].ShouldBeNull();
        (await UpdateAsync("1.41", """{"KernelMemory":8388608}"""))["KernelMemory"]!.GetValue<long>().ShouldBe(8388608);
    }

    [Fact]
    [Covers("NetworkCreate", "EnableIPv4", "EnableIPv6"), Covers("ImageList", "shared-size"), Covers("ImageCreate", "platform")]
    public async Task Parameters_are_read_since_their_versions()
    {
        using var newest = new EngineApi(engine.SocketPath);
        foreach (var (version, has) in ((string, bool)[])[("1.47", true), ("1.48", false)])
        {
            using var api = new EngineApi(engine.SocketPath, version);
            (await api.PostAsync("/networks/create", $$$"""{"Name":"{{{Name}}}-4","EnableIPv4":false,"EnableIPv6":true,"IPAM":{"Config":[{"Subnet":"fd77:1::/64"}]}}""")).Status.ShouldBe(201);
            try { (await newest.GetAsync($"/networks/{Name}-4")).Json["EnableIPv4"]!.GetValue<bool>().ShouldBe(has, version); }
            finally { (await newest.DeleteAsync($"/networks/{Name}-4")).Status.ShouldBe(204); }
        }
        foreach (var (version, counted) in ((string, bool)[])[("1.41", false), ("1.42", true)])
        {
            using var api = new EngineApi(engine.SocketPath, version);
            (((await api.GetAsync("/images/json?shared-size=1")).Json[0]!["SharedSize"]!.GetValue<long>() >= 0)).ShouldBe(counted, version);
        }
        using var older = new EngineApi(engine.SocketPath, "1.31");
        using var newer = new EngineApi(engine.SocketPath, "1.32");
        (await newer.PostTarAsync($"/images/create?fromSrc=-&platform=a/b/c/d&repo={Name}", new byte[1024])).Status.ShouldBe(400);
        (await older.PostTarAsync($"/images/create?fromSrc=-&platform=a/b/c/d&repo={Name}", new byte[1024])).Status.ShouldBe(200);
        (await newest.DeleteAsync($"/images/{Name}")).Status.ShouldBe(200);
    }

    [Fact]
    [Covers("ImageCommit")]
    public async Task A_committed_image_tells_older_clients_of_its_container()
    {
        await using var container = await StartAsync();
        using var newest = new EngineApi(engine.SocketPath);
        using var older = new EngineApi(engine.SocketPath, "1.44");
        (await newest.PostAsync($"/commit?container={Name}&repo={Name}", "{}")).Status.ShouldBe(201);
        try
        {
            var image = (await older.GetAsync($"/images/{Name}/json")).Json;
            image["Container"]!.GetValue<string>().Length.ShouldBe(64);
            image["ContainerConfig"]!["Cmd"]!.ToJsonString().ShouldBe("""["sleep","600"]""");
            (await newest.GetAsync($"/images/{Name}/json")).Json["Container"].ShouldBeNull();
        }
        finally { (await newest.DeleteAsync($"/images/{Name}")).Status.ShouldBe(200); }
    }

    /// <summary>A container on a network of its name, both removed at the end.</summary>
    private async Task<Removal> StartAsync()
    {
        (await engine.DockerAsync("network", "create", Name)).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", Name, "--network", Name, "--annotation", "a=b", "busybox:latest", "sleep", "600")).ShouldExit(0);
        return new Removal(engine);
    }

    private sealed class Removal(EngineFixture engine) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await engine.DockerAsync("rm", "-f", Name);
            (await engine.DockerAsync("network", "rm", Name)).ShouldExit(0);
        }
    }

    private static string Next(string version) => $"1.{int.Parse(version[2..], System.Globalization.CultureInfo.InvariantCulture) + 1}";

    /// <summary>Whether a document has the field; <c>{}</c> at the end means any member.</summary>
    private static bool Has(JsonNode document, string path)
    {
        var (above, last) = path.LastIndexOf('.') is >= 0 and var at ? (Find(document, path[..at]), path[(at + 1)..]) : (document, path);
        return above is JsonArray list ? list.Count > 0 : above is JsonObject parent && (last == "{}" ? parent.Count > 0 : parent.ContainsKey(last));
    }

    private static JsonNode? Find(JsonNode? node, string path)
    {
        foreach (var step in path.Split('.')) node = step == "[0]" ? node?[0] : node?[step];
        return node;
    }
}
