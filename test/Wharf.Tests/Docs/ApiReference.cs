using System.Text.Json;
using System.Text.RegularExpressions;

namespace Wharf.Tests.Docs;

/// <summary>One operation of the Engine API: what it is called by, and all that a request may say.</summary>
internal sealed record ApiOperation(string Id, string Tag, string Method, string Path, IReadOnlyList<string> Parameters, IReadOnlyList<string> BodyFields)
{
    /// <summary>Outside a swarm and without managed plugins nothing comes of what these bodies say.</summary>
    public bool HasIdleBody => Tag is "Swarm" or "Node" or "Service" or "Task" or "Secret" or "Config" or "Plugin" || Id == "VolumeUpdate";

    public bool IsCalledBy(string method, string path) => method == Method && Regex.IsMatch(path, "^" + Regex.Replace(Path, @"\{\w+\}", ".+") + "$");
}

/// <summary>The operations of the reference with their parameters, and the fields of their bodies down to the last.</summary>
internal sealed class ApiReference : IDisposable
{
    private readonly JsonDocument _document = JsonDocument.Parse(Repository.Read("src", "Wharf.Daemon", "Api", "engine-api-1.51.json"));

    public List<ApiOperation> Operations => [.. _document.RootElement.GetProperty("operations").EnumerateArray().Select(Read)];

    private ApiOperation Read(JsonElement operation)
    {
        string Text(string name) => operation.GetProperty(name).GetString()!;
        var parameters = operation.GetProperty("parameters").EnumerateArray().ToList();
        return new ApiOperation(Text("id"), Text("tag"), Text("method"), Text("path"),
            [.. parameters.Where(parameter => parameter.GetProperty("in").GetString() is "query" or "header").Select(parameter => parameter.GetProperty("name").GetString()!)],
            [.. parameters.Where(parameter => parameter.GetProperty("in").GetString() == "body" && parameter.TryGetProperty("schema", out _)).SelectMany(parameter => Leaves(parameter.GetProperty("schema"), "", [])).Where(field => field != "").Distinct()]);
    }

    /// <summary>Names joined by dots; <c>[]</c> for what a list has, <c>{}</c> for what stands under any name. A type that has itself among its fields is told once.</summary>
    private IEnumerable<string> Leaves(JsonElement schema, string path, IReadOnlyList<string> within)
    {
        if (schema.TryGetProperty("$ref", out var name))
        {
            if (within.Contains(name.GetString()!)) return [];
            return Leaves(_document.RootElement.GetProperty("definitions").GetProperty(name.GetString()!), path, [.. within, name.GetString()!]);
        }
        string At(string member) => path == "" ? member : $"{path}.{member}";
        if (schema.TryGetProperty("allOf", out var parts)) return parts.EnumerateArray().SelectMany(part => Leaves(part, path, within));
        if (schema.TryGetProperty("properties", out var members)) return members.EnumerateObject().SelectMany(member => Leaves(member.Value, At(member.Name), within));
        if (schema.TryGetProperty("items", out var items) && HasMembers(items)) return Leaves(items, At("[]"), within);
        if (schema.TryGetProperty("additionalProperties", out var any) && any.ValueKind == JsonValueKind.Object && (HasMembers(any) || any.TryGetProperty("items", out items) && HasMembers(items))) return Leaves(any, At("{}"), within);
        return [path];
    }

    private bool HasMembers(JsonElement schema)
    {
        while (schema.TryGetProperty("$ref", out var name)) schema = _document.RootElement.GetProperty("definitions").GetProperty(name.GetString()!);
        return schema.TryGetProperty("properties", out _) || schema.TryGetProperty("allOf", out _) || schema.TryGetProperty("items", out var items) && HasMembers(items)
            || schema.TryGetProperty("additionalProperties", out var any) && any.ValueKind == JsonValueKind.Object && HasMembers(any);
    }

    public void Dispose() => _document.Dispose();
}
