using System.Text.Json;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Daemon.BuildKit.RemoteCaches;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Exporting;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The cache on its way out and in: within the image, in a registry, in a directory of the client.</summary>
internal static class CacheTransfer
{
    /// <summary>What the client's index of its directory is to name.</summary>
    private const string ManifestKey = "cache.manifest";

    private static IEnumerable<CachePlace> Exports(BuildJob job) => (job.Request.Cache?.Exports ?? []).Select(static entry => new CachePlace(entry.Type, entry.Attrs));

    /// <summary>Refuses, before anything is built, what cannot be exported.</summary>
    public static void Check(BuildJob job)
    {
        foreach (var place in Exports(job)) place.CheckExport();
    }

    /// <summary>The results with their steps named in them, where the client wants that.</summary>
    public static async Task<LayoutImage[]> InlineAsync(BuildJob job, LayoutImage[] solved) => Exports(job).Any(static place => place.Type == CachePlace.Inline)
        ? await Task.WhenAll(solved.Select(static async image => image with { Target = await BuildService.WithInlineCacheAsync(image.Target) })) : solved;

    /// <summary>Writes the cache wherever the client wants it.</summary>
    public static async Task ExportAsync(BuildJob job, ClientSession? session, BuildService builds, LayoutImage[] solved, ExportResult result, CancellationToken cancellation)
    {
        foreach (var place in Exports(job))
        {
            if (place.Type == CachePlace.Inline) continue;
            using var vertex = new VertexReporter(job.Log, place.Exporting);
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

    private static async Task ExportAsync(CachePlace place, BuildJob job, ClientSession? session, BuildService builds, LayoutImage[] solved, VertexReporter vertex, ExportResult result, CancellationToken cancellation)
    {
        using var held = await builds.HoldAsync(cancellation);
        CacheLayout cache;
        using (vertex.Begin("preparing build cache for export"))
        {
            var options = new CacheExportOptions { All = place["mode"] == "max", Compression = new ExportAttributes(place.Attributes).Compression, AsImage = place.Flag("image-manifest", absent: true) };
            cache = await builds.ExportCacheAsync([.. solved.Select(static image => image.Target)], options, cancellation);
        }
        if (place.Type == CachePlace.Registry)
        {
            var domain = ImageReference.Parse(place["ref"]).WithDefaultTag().Domain;
            await builds.PushCacheAsync(cache, place["ref"], await new SessionServices(session, job.Directory).CredentialsAsync(domain, cancellation), vertex, cancellation);
        }
        else if (RemoteCache.Knows(place.Type))
        {
            using var store = RemoteCache.Open(place);
            await store.WriteAsync(cache, builds, vertex.Begin, cancellation);
            return;
        }
        else
        {
            var store = new ClientContent(session ?? throw WharfException.Invalid("the build names no session"), CachePlace.LocalPrefix + place["dest"]);
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
                    CachePlace.Registry => await builds.ImportCacheAsync(place["ref"], request, cancellation),
                    CachePlace.Local => await ImportLocalAsync(place, session, builds, request, cancellation),
                    _ when RemoteCache.Knows(place.Type) => await ImportRemoteAsync(RemoteCache.Open(place), builds, request, cancellation),
                    _ => throw WharfException.NotImplemented($"cache importer {place.Type} is not supported: use type=registry, local, s3, azblob or gha"),
                };
                if (count == 0) using (vertex.Begin("no steps found in it")) { }
            }
            catch (Exception error) when (error is WharfException or HttpRequestException or IOException or JsonException or Grpc.Core.RpcException) { vertex.Fail(BuildErrors.Message(error)); }
        }
    }

    private static Task<int> ImportLocalAsync(CachePlace place, ClientSession? session, BuildService builds, BuildRequest request, CancellationToken cancellation) =>
        builds.ImportCacheAsync(new ClientContent(session ?? throw WharfException.Invalid("the build names no session"), CachePlace.LocalPrefix + place["src"]), Digest.Parse(place["digest"]), request, cancellation);

    private static Task<int> ImportRemoteAsync(RemoteCache source, BuildService builds, BuildRequest request, CancellationToken cancellation) => builds.ImportCacheAsync(source, source.ReadDocumentAsync, request, cancellation);

    private static IEnumerable<CachePlace> Imports(BuildJob job, FrontendOptions options)
    {
        foreach (var entry in job.Request.Cache?.Imports ?? []) yield return new CachePlace(entry.Type, entry.Attrs);
        foreach (var name in options["cache-from"].Split(',', StringSplitOptions.RemoveEmptyEntries)) yield return new CachePlace(CachePlace.Registry, new Dictionary<string, string> { ["ref"] = name });
        foreach (var entry in CachePlace.Parse(options[FrontendOptions.CacheImports])) yield return entry;
    }
}
