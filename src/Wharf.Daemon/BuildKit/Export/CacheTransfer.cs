using System.Text.Json;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Exporting;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The cache on its way out and in: within the image, in a registry, in a directory of the client.</summary>
internal static class CacheTransfer
{
    private const string Inline = "inline", Registry = "registry", Local = "local", LocalPrefix = "local:";
    /// <summary>What the client's index of its directory is to name.</summary>
    private const string ManifestKey = "cache.manifest";

    /// <summary>A source or a target of cache as the client named it.</summary>
    private sealed record Place(string Type, IReadOnlyDictionary<string, string> Attributes)
    {
        public string this[string key] => Attributes.GetValueOrDefault(key, "");
        /// <summary>The place in words.</summary>
        public string Text => this["ref"] is { Length: > 0 } reference ? reference : this["src"] is { Length: > 0 } directory ? LocalPrefix + directory : Type;
        public bool Flag(string key, bool absent = false) => new ExportAttributes(Attributes).Flag(key, absent);
    }

    private static IEnumerable<Place> Exports(BuildJob job) => (job.Request.Cache?.Exports ?? []).Select(static entry => new Place(entry.Type, entry.Attrs));

    /// <summary>Refuses, before anything is built, what cannot be exported.</summary>
    public static void Check(BuildJob job)
    {
        foreach (var place in Exports(job))
        {
            if (place.Type is not (Inline or Registry or Local)) throw WharfException.NotImplemented($"cache exporter {place.Type} is not supported: use type=registry, local or inline");
            if (place.Type == Registry && place["ref"].Length == 0) throw WharfException.Invalid("ref not set for registry cache exporter");
            if (place.Type == Local && place["dest"].Length == 0) throw WharfException.Invalid("dest not set for local cache exporter");
            if (place["mode"] is not ("" or "min" or "max")) throw WharfException.Invalid($"invalid cache export mode: {place["mode"]}");
            _ = new ExportAttributes(place.Attributes).Compression;
        }
    }

    /// <summary>The results with their steps named in them, where the client wants that.</summary>
    public static async Task<LayoutImage[]> InlineAsync(BuildJob job, LayoutImage[] solved) => Exports(job).Any(static place => place.Type == Inline)
        ? await Task.WhenAll(solved.Select(static async image => image with { Target = await BuildService.WithInlineCacheAsync(image.Target) })) : solved;

    /// <summary>Writes the cache wherever the client wants it.</summary>
    public static async Task ExportAsync(BuildJob job, ClientSession? session, BuildService builds, LayoutImage[] solved, ExportResult result, CancellationToken cancellation)
    {
        foreach (var place in Exports(job))
        {
            if (place.Type == Inline) continue;
            using var vertex = new VertexReporter(job.Log, place.Type == Registry ? "exporting cache to registry" : "exporting cache to client directory");
            try
            {
                await ExportAsync(place, job, session, builds, solved, vertex, result, cancellation);
            }
            catch (Exception error)
            {
                vertex.Fail(BuildErrors.Message(error));
                if (error is OperationCanceledException || !place.Flag("ignore-error")) throw;
            }
        }
    }

    private static async Task ExportAsync(Place place, BuildJob job, ClientSession? session, BuildService builds, LayoutImage[] solved, VertexReporter vertex, ExportResult result, CancellationToken cancellation)
    {
        using var held = await builds.HoldAsync(cancellation);
        CacheLayout cache;
        using (vertex.Begin("preparing build cache for export"))
        {
            var options = new CacheExportOptions { All = place["mode"] == "max", Compression = new ExportAttributes(place.Attributes).Compression, AsImage = place.Flag("image-manifest", absent: true) };
            cache = await builds.ExportCacheAsync([.. solved.Select(static image => image.Target)], options, cancellation);
        }
        if (place.Type == Registry)
        {
            var domain = ImageReference.Parse(place["ref"]).WithDefaultTag().Domain;
            await builds.PushCacheAsync(cache, place["ref"], await new SessionServices(session, job.Directory).CredentialsAsync(domain, cancellation), vertex, cancellation);
        }
        else
        {
            var store = new ClientContent(session ?? throw WharfException.Invalid("the build names no session"), LocalPrefix + place["dest"]);
            foreach (var blob in cache.Blobs.Concat(cache.Manifests))
                using (vertex.Begin($"writing {(blob.MediaType!.Contains("layer", StringComparison.Ordinal) ? "layer" : "document")} {blob.Digest}"))
                    await store.WriteAsync(blob, () => builds.OpenBlob(blob.Digest), cancellation);
        }
        result.Response[ManifestKey] = JsonSerializer.Serialize(cache.Root, ImageJson.Plain.Descriptor);
    }

    /// <summary>A source of cache that cannot be read is told of and is no error of the build.</summary>
    public static async Task ImportAsync(BuildJob job, FrontendOptions options, ClientSession? session, BuildService builds, BuildRequest request, CancellationToken cancellation)
    {
        foreach (var place in Imports(job, options).DistinctBy(static place => (place.Type, place.Text)))
        {
            using var vertex = new VertexReporter(job.Log, $"importing cache manifest from {place.Text}");
            try
            {
                int count = place.Type switch
                {
                    Registry => await builds.ImportCacheAsync(place["ref"], request, cancellation),
                    Local => await ImportLocalAsync(place, session, builds, request, cancellation),
                    _ => throw WharfException.NotImplemented($"cache importer {place.Type} is not supported: use type=registry or local"),
                };
                if (count == 0) using (vertex.Begin("no steps found in it")) { }
            }
            catch (Exception error) when (error is WharfException or HttpRequestException or IOException or JsonException or Grpc.Core.RpcException) { vertex.Fail(BuildErrors.Message(error)); }
        }
    }

    private static Task<int> ImportLocalAsync(Place place, ClientSession? session, BuildService builds, BuildRequest request, CancellationToken cancellation) =>
        builds.ImportCacheAsync(new ClientContent(session ?? throw WharfException.Invalid("the build names no session"), LocalPrefix + place["src"]), Digest.Parse(place["digest"]), request, cancellation);

    private static IEnumerable<Place> Imports(BuildJob job, FrontendOptions options)
    {
        foreach (var entry in job.Request.Cache?.Imports ?? []) yield return new Place(entry.Type, entry.Attrs);
        foreach (var name in options["cache-from"].Split(',', StringSplitOptions.RemoveEmptyEntries)) yield return new Place(Registry, new Dictionary<string, string> { ["ref"] = name });
        foreach (var entry in Parsed(options["cache-imports"])) yield return entry;
    }

    private static List<Place> Parsed(string json)
    {
        if (json.Length == 0) return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(static entry => new Place(entry.GetProperty("Type").GetString() ?? "", Attributes(entry)))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw WharfException.Invalid($"failed to unmarshal cache-imports: {error.Message}", error);
        }
    }

    private static Dictionary<string, string> Attributes(JsonElement entry)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!entry.TryGetProperty("Attrs", out var given) || given.ValueKind != JsonValueKind.Object) return attributes;
        foreach (var attribute in given.EnumerateObject()) attributes[attribute.Name] = attribute.Value.GetString() ?? "";
        return attributes;
    }
}
