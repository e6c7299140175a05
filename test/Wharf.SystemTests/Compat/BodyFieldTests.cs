using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>
/// The fields of requests' bodies, one by one: inspect tells what was asked for, and a command inside the container sees what came of it. docs/compat.md
/// counts the rows, and a unit test misses those that are not there.
/// </summary>
public sealed partial class BodyFieldTests(EngineFixture engine)
{
    /// <summary>Fields of a body, the members that have them (%words% are replaced by what <see cref="BodyFieldPlace"/> makes), a command, what it prints (one of several, by '|', where kernels
    /// differ), and what inspect tells, where that is not what was asked for.</summary>
    private static TheoryDataRow<string, string, string, string, string, string> Field(string operation, string fields, string members, string command = "", string output = "", string told = "") =>
        new(operation, fields, members, command, output, told) { TestDisplayName = $"{operation} {fields}" };

    [Theory]
    [MemberData(nameof(Configuration)), MemberData(nameof(Limits)), MemberData(nameof(Host)), MemberData(nameof(Mounts)), MemberData(nameof(Endpoints))]
    public async Task A_container_is_what_its_fields_ask_for(string operation, string fields, string members, string command, string output, string told)
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        var body = JsonNode.Parse($"{{{await place.FillAsync(members)}}}")!.AsObject();
        body.TryAdd("Image", "busybox:latest");
        if (command.Length > 0) body["Cmd"] = new JsonArray("sh", "-c", await place.FillAsync(command));
        var made = (await api.CallAsync(operation, $"/containers/create?name={place.Name}", 201, body.ToJsonString())).GetProperty("Id").GetString()!;
        var document = await place.InspectAsync($"/containers/{made}/json");
        Shows(document, told.Length > 0 ? JsonNode.Parse(await place.FillAsync(told))! : Told(body), fields);
        if (output.Length == 0) return;
        var ran = await engine.DockerAsync("start", "-a", made);
        ran.Text.Replace("\r", "", StringComparison.Ordinal).ShouldBeOneOf((await place.FillAsync(output)).Split('|'), $"{fields}: {ran.Error}");
    }

    /// <summary>Where inspect has what a container was made from.</summary>
    private static JsonObject Told(JsonObject body)
    {
        var config = body.DeepClone().AsObject();
        var told = new JsonObject();
        if (config["HostConfig"] is { } host) told["HostConfig"] = host.DeepClone();
        if (config["NetworkingConfig"]?["EndpointsConfig"] is { } endpoints) told["NetworkSettings"] = new JsonObject { ["Networks"] = endpoints.DeepClone() };
        config.Remove("HostConfig");
        config.Remove("NetworkingConfig");
        told["Config"] = config;
        return told;
    }

    /// <summary>Everything of <paramref name="expected"/> is in <paramref name="document"/>, which may have more members.</summary>
    private static void Shows(JsonNode? document, JsonNode? expected, string path)
    {
        if (expected is JsonObject members)
        {
            document.ShouldBeOfType<JsonObject>($"{path}: {document?.ToJsonString()}");
            foreach (var (name, value) in members) Shows(document[name], value, $"{path}.{name}");
        }
        else if (expected is JsonArray { Count: > 0 } list && list[0] is JsonObject)
        {
            document.ShouldBeOfType<JsonArray>(path).Count.ShouldBe(list.Count, path);
            for (int i = 0; i < list.Count; i++) Shows(document[i], list[i], $"{path}[{i}]");
        }
        else (document?.ToJsonString() ?? "null").ShouldBe(expected?.ToJsonString() ?? "null", path);
    }
}
