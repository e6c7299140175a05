using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;
using Wharf.Daemon.Http;

namespace Wharf.Daemon.Api;

/// <summary><c>GET /openapi.json</c>: what this daemon serves, as an OpenAPI 3.1 document: docker's operations and Wharf's own.</summary>
public static class OpenApi
{
    private const string Json = "application/json";

    public static void Map(ApiRouter router) => router.Get("/openapi.json", async context =>
    {
        var bytes = Encoding.UTF8.GetBytes(Document(Reference(), router.Operations).ToJsonString());
        context.Http.Response.ContentType = Json;
        context.Http.Response.ContentLength = bytes.Length;
        await context.Http.Response.Body.WriteAsync(bytes, context.Cancellation);
    });

    /// <summary>The operations and types of the Engine API, in the words of Swagger 2, and after docker's operations Wharf's own.</summary>
    internal static JsonObject Reference()
    {
        var reference = Read("engine-api-1.51.json");
        foreach (var operation in Read("wharf-api.json")["operations"]!.AsArray()) reference["operations"]!.AsArray().Add(operation!.DeepClone());
        return reference;
    }

    private static JsonObject Read(string name)
    {
        using var stream = typeof(OpenApi).Assembly.GetManifestResourceStream(name)!;
        return (JsonObject)JsonNode.Parse(stream)!;
    }

    /// <summary>The document of those of the reference's operations that the router has; what the router alone has is told by its path.</summary>
    internal static JsonObject Document(JsonObject reference, IEnumerable<(string Method, string Pattern)> served)
    {
        var (paths, routes) = (new JsonObject(), served.ToList());
        var shapes = routes.Select(static route => Shape(route.Method, route.Pattern)).ToHashSet(StringComparer.Ordinal);
        foreach (var operation in reference["operations"]!.AsArray().Select(static node => node!.AsObject()))
        {
            var (method, path) = (Text(operation, "method"), Text(operation, "path"));
            if (shapes.Remove(Shape(method, path))) PathItem(paths, path)[method.ToLowerInvariant()] = Operation(operation);
        }
        foreach (var (method, pattern) in routes)
            if (shapes.Remove(Shape(method, pattern))) PathItem(paths, pattern.Replace("*}", "}", StringComparison.Ordinal))[method.ToLowerInvariant()] = Undescribed(pattern);
        var schemas = new JsonObject();
        foreach (var (name, schema) in reference["definitions"]!.AsObject()) schemas[name] = Schema(schema);
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "Wharf: the Docker Engine API", ["version"] = ApiVersion.Newest.ToString() },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = $"/v{ApiVersion.Newest}" }),
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    /// <summary>Method and path with the parameters' names left out.</summary>
    private static string Shape(string method, string path) => $"{method} {string.Join('/', path.Split('/').Select(static part => part.StartsWith('{') ? "{}" : part))}";

    private static string Text(JsonObject node, string key) => node[key]!.GetValue<string>();

    private static JsonObject PathItem(JsonObject paths, string path)
    {
        if (paths[path] is JsonObject item) return item;
        var made = new JsonObject();
        paths[path] = made;
        return made;
    }

    private static JsonObject Operation(JsonObject operation)
    {
        var made = new JsonObject { ["operationId"] = Text(operation, "id"), ["tags"] = new JsonArray(Text(operation, "tag")) };
        var types = operation["produces"]?.AsArray().Select(static type => type!.GetValue<string>()).ToList() ?? [];
        var parameters = new JsonArray();
        foreach (var parameter in operation["parameters"]!.AsArray().Select(static node => node!.AsObject()))
        {
            if (Text(parameter, "in") == "body") made["requestBody"] = Body(parameter);
            else parameters.Add((JsonNode)Parameter(parameter));
        }
        if (parameters.Count > 0) made["parameters"] = parameters;
        var responses = new JsonObject();
        foreach (var (status, schema) in operation["responses"]!.AsObject()) responses[status] = Response(int.Parse(status, System.Globalization.CultureInfo.InvariantCulture), schema, types);
        made["responses"] = responses;
        return made;
    }

    private static JsonObject Undescribed(string pattern) => new()
    {
        ["tags"] = new JsonArray("Wharf"),
        ["parameters"] = new JsonArray([.. pattern.Split('/').Where(static part => part.StartsWith('{')).Select(static part => PathParameter(part.Trim('{', '}', '*')))]),
        ["responses"] = new JsonObject { ["default"] = Response(200, null, []) },
    };

    private static JsonNode PathParameter(string name) => new JsonObject { ["name"] = name, ["in"] = "path", ["required"] = true, ["schema"] = new JsonObject { ["type"] = "string" } };

    private static JsonObject Parameter(JsonObject parameter)
    {
        var schema = new JsonObject { ["type"] = Text(parameter, "type") };
        if (parameter["enum"] is { } values) schema["enum"] = values.DeepClone();
        if (Text(parameter, "type") == "array") schema["items"] = new JsonObject { ["type"] = "string" };
        var place = Text(parameter, "in");
        var made = new JsonObject { ["name"] = Text(parameter, "name"), ["in"] = place, ["schema"] = schema };
        if (place == "path" || parameter["required"]?.GetValue<bool>() == true) made["required"] = true;
        return made;
    }

    private static JsonObject Body(JsonObject parameter)
    {
        var schema = parameter["schema"];
        var type = schema?["type"]?.GetValueKind() == System.Text.Json.JsonValueKind.String && schema["type"]!.GetValue<string>() == "string" ? "application/x-tar" : Json;
        return new JsonObject
        {
            ["required"] = parameter["required"]?.GetValue<bool>() == true,
            ["content"] = new JsonObject { [type] = new JsonObject { ["schema"] = Schema(schema) } },
        };
    }

    private static JsonObject Response(int status, JsonNode? schema, List<string> types)
    {
        var made = new JsonObject { ["description"] = ReasonPhrases.GetReasonPhrase(status) };
        if (schema is null) return made;
        var content = new JsonObject();
        foreach (var type in status >= 400 || types.Count == 0 ? [Json] : types) content[type] = new JsonObject { ["schema"] = Schema(schema) };
        made["content"] = content;
        return made;
    }

    /// <summary>A schema of Swagger 2 in the words of JSON Schema: references by their new place, null as a type.</summary>
    private static JsonNode? Schema(JsonNode? schema)
    {
        if (schema is JsonArray list) return new JsonArray([.. list.Select(Schema)]);
        if (schema is not JsonObject old) return schema?.DeepClone();
        if (old["$ref"] is JsonValue name) return new JsonObject { ["$ref"] = $"#/components/schemas/{name.GetValue<string>()}" };
        var made = new JsonObject();
        foreach (var (key, value) in old)
        {
            if (key == "x-nullable") continue;
            // What stands below properties are names, not words of the schema.
            if (key == "properties") made[key] = new JsonObject(value!.AsObject().Select(static property => KeyValuePair.Create(property.Key, Schema(property.Value))));
            else made[key] = key is "items" or "additionalProperties" or "allOf" ? Schema(value) : value?.DeepClone();
        }
        if (old["x-nullable"]?.GetValue<bool>() == true && made["type"] is JsonValue type) made["type"] = new JsonArray(type.GetValue<string>(), "null");
        return made;
    }
}
