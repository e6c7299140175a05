using System.Text.Json;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>What package managers of languages write down as JSON.</summary>
internal static class JsonFiles
{
    private static JsonDocument Parse(byte[] file)
    {
        var bytes = file.AsMemory();
        return JsonDocument.Parse(bytes.Span.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
    }

    private static string? Text(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IEnumerable<JsonProperty> Members(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : [];

    private static IEnumerable<JsonElement> Items(JsonElement element, string? name = null)
    {
        if (name is not null && (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))) return [];
        return element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : [];
    }

    public static IEnumerable<Package> NodePackage(byte[] file)
    {
        using var document = Parse(file);
        if (Text(document.RootElement, "name") is { } name && Text(document.RootElement, "version") is { } version) yield return Package.Of(PackageKind.Npm, name, version);
    }

    /// <summary>npm's lock: of version 2 and 3 by the places of packages, of version 1 as a tree.</summary>
    public static IEnumerable<Package> NodeLock(byte[] file)
    {
        using var document = Parse(file);
        var packages = Members(document.RootElement, "packages").ToList();
        foreach (var package in packages)
        {
            int at = package.Name.LastIndexOf("node_modules/", StringComparison.Ordinal);
            if (at >= 0 && Text(package.Value, "version") is { } version) yield return Package.Of(PackageKind.Npm, Text(package.Value, "name") ?? package.Name[(at + "node_modules/".Length)..], version);
        }
        if (packages.Count > 0) yield break;
        var trees = new Queue<JsonElement>([document.RootElement]);
        while (trees.TryDequeue(out var tree))
            foreach (var package in Members(tree, "dependencies"))
            {
                if (Text(package.Value, "version") is { } version) yield return Package.Of(PackageKind.Npm, package.Name, version);
                trees.Enqueue(package.Value);
            }
    }

    public static IEnumerable<Package> Pipfile(byte[] file)
    {
        using var document = Parse(file);
        foreach (var package in Members(document.RootElement, "default"))
            if (Text(package.Value, "version") is { } version) yield return Package.Of(PackageKind.PyPI, package.Name, version.TrimStart('='));
    }

    /// <summary>.NET's list of an application's libraries.</summary>
    public static IEnumerable<Package> NuGetDependencies(byte[] file)
    {
        using var document = Parse(file);
        foreach (var library in Members(document.RootElement, "libraries"))
            if (Text(library.Value, "type") == "package" && library.Name.IndexOf('/') is > 0 and var slash) yield return Package.Of(PackageKind.NuGet, library.Name[..slash], library.Name[(slash + 1)..]);
    }

    public static IEnumerable<Package> NuGetLock(byte[] file)
    {
        using var document = Parse(file);
        foreach (var framework in Members(document.RootElement, "dependencies").Where(static framework => framework.Value.ValueKind == JsonValueKind.Object))
            foreach (var package in framework.Value.EnumerateObject())
                if (Text(package.Value, "resolved") is { } version) yield return Package.Of(PackageKind.NuGet, package.Name, version);
    }

    /// <summary>Composer's lock and its list of what is installed, which the first version wrote without a name around it.</summary>
    public static IEnumerable<Package> Composer(byte[] file)
    {
        using var document = Parse(file);
        foreach (var package in Items(document.RootElement, document.RootElement.ValueKind == JsonValueKind.Array ? null : "packages"))
            if (Text(package, "name") is { } name && Text(package, "version") is { } version) yield return Package.Of(PackageKind.Composer, name, version.TrimStart('v'));
    }
}
