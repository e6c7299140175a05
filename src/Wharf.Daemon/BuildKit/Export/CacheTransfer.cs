using System.Text.Json;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Exporting;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The cache on its way out, within the image, and in, from images here or in a registry.</summary>
internal static class CacheTransfer
{
    /// <summary>The results with what the client's cache exporters want in them.</summary>
    public static async Task<LayoutImage[]> ExportAsync(BuildJob job, LayoutImage[] solved)
    {
        bool inline = false;
        foreach (var entry in job.Request.Cache?.Exports ?? [])
        {
            if (entry.Type != "inline") throw WharfException.NotImplemented($"cache exporter {entry.Type} is not supported: use type=inline");
            inline = true;
        }
        return inline ? await Task.WhenAll(solved.Select(async image => image with { Target = await BuildService.WithInlineCacheAsync(image.Target) })) : solved;
    }

    /// <summary>A source of cache that cannot be read is told of and is no error of the build.</summary>
    public static async Task ImportAsync(BuildJob job, FrontendOptions options, BuildService builds, BuildRequest request, CancellationToken cancellation)
    {
        foreach (var (type, name) in Imports(job, options).Distinct())
        {
            using var vertex = new VertexReporter(job.Log, $"importing cache manifest from {name}");
            if (type != "registry")
            {
                vertex.Fail($"cache importer {type} is not supported: use an image with inline cache");
                continue;
            }
            try
            {
                if (await builds.ImportInlineCacheAsync(name, request, localOnly: false, vertex, cancellation) > 0) continue;
                using (vertex.Begin("no inline cache found in it")) { }
            }
            catch (Exception error) when (error is WharfException or HttpRequestException or IOException) { vertex.Fail(BuildErrors.Message(error)); }
        }
    }

    private static IEnumerable<(string Type, string Name)> Imports(BuildJob job, FrontendOptions options)
    {
        foreach (var entry in job.Request.Cache?.Imports ?? []) yield return (entry.Type, entry.Attrs.GetValueOrDefault("ref") ?? entry.Attrs.GetValueOrDefault("src") ?? "");
        foreach (var name in options["cache-from"].Split(',', StringSplitOptions.RemoveEmptyEntries)) yield return ("registry", name);
        foreach (var entry in Parsed(options["cache-imports"])) yield return entry;
    }

    private static List<(string, string)> Parsed(string json)
    {
        if (json.Length == 0) return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(static entry => (entry.GetProperty("Type").GetString() ?? "", Attribute(entry.GetProperty("Attrs"), "ref") ?? Attribute(entry.GetProperty("Attrs"), "src") ?? ""))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw WharfException.Invalid($"failed to unmarshal cache-imports: {error.Message}", error);
        }
    }

    private static string? Attribute(JsonElement attributes, string name) => attributes.ValueKind == JsonValueKind.Object && attributes.TryGetProperty(name, out var value) ? value.GetString() : null;
}
