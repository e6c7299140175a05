using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>The document of the API that the daemon itself serves; docker has none at run time.</summary>
public sealed class OpenApiTests(EngineFixture engine)
{
    [Fact]
    public async Task The_daemon_describes_all_that_it_serves()
    {
        Assert.SkipUnless(engine.IsWharf, "docker serves no document of its API");
        using var api = new EngineApi(engine.SocketPath);
        var answer = await api.GetAsync("/openapi.json");
        answer.Status.ShouldBe(200);
        var document = answer.Json;
        document["openapi"]!.GetValue<string>().ShouldStartWith("3.1");
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).ToList();
        operations.Select(operation => operation.Value!["operationId"]?.GetValue<string>() ?? "an operation without a description").Order(StringComparer.Ordinal)
            .ShouldBe(SchemaReference.Instance.Operations.Concat(SchemaReference.Instance.OwnOperations).Order(StringComparer.Ordinal));
        operations.ShouldAllBe(operation => operation.Value!["responses"]!.AsObject().Count > 0);
        document["paths"]!["/wharf/jobs"]!["get"].ShouldNotBeNull("Wharf's own operations are told too");
        document["paths"]!["/containers/{id}/json"]!["get"]!["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["$ref"]!.GetValue<string>().ShouldBe("#/components/schemas/ContainerInspectResponse");
        var schemas = document["components"]!["schemas"]!.AsObject();
        References(document).Where(reference => !schemas.ContainsKey(reference["#/components/schemas/".Length..])).ShouldBeEmpty();
        document["paths"]!.AsObject().Select(path => System.Text.RegularExpressions.Regex.Replace(path.Key, @"\{\w+\}", "{}")).ShouldBeUnique();
        foreach (var (path, item) in document["paths"]!.AsObject())
            foreach (var (_, operation) in item!.AsObject())
                System.Text.RegularExpressions.Regex.Matches(path, @"\{(\w+)\}").Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)
                    .ShouldBe((operation!["parameters"]?.AsArray() ?? []).Where(parameter => parameter!["in"]!.GetValue<string>() == "path").Select(parameter => parameter!["name"]!.GetValue<string>()).Order(StringComparer.Ordinal), path);
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonArray list => list.SelectMany(References),
        JsonObject members => members.SelectMany(member => member is { Key: "$ref", Value: JsonValue text } ? [text.GetValue<string>()] : References(member.Value)),
        _ => [],
    };
}
