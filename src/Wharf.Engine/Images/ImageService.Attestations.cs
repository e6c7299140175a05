using System.Text.Json;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Attestations: statements about an image's making that lie beside it in its index. Of no use for running; kept so that a push sends the index whole.</summary>
public sealed partial class ImageService
{
    // As BuildKit writes them: the manifest's platform is unknown/unknown, and it names the manifest it is about.
    private const string StatementType = "application/vnd.in-toto+json", PredicateKey = "in-toto.io/predicate-type";
    private const string AttestationType = "vnd.docker.reference.type", AttestationOf = "vnd.docker.reference.digest";

    /// <summary>Of all attestations of one image together: provenance and lists of contents take some megabytes at most.</summary>
    private const long MaxAttestations = 64L << 20;

    /// <summary>The statements about an image that came with it, as API 1.55 tells them.</summary>
    /// <param name="platform">Which of the name's images; null for the one the name stands for.</param>
    /// <param name="types">Predicate types to tell of; none for all.</param>
    /// <param name="isWhole">With the statements' own JSON.</param>
    public async Task<List<AttestationStatement>> AttestationsAsync(string name, Platform? platform, IReadOnlyCollection<string> types, bool isWhole, CancellationToken cancellation)
    {
        var image = await GetAsync(name, platform, cancellation);
        var statements = new List<AttestationStatement>();
        foreach (var digest in await AttestationsOfAsync(image.Id, cancellation))
        {
            var manifest = ManifestDocuments.ParseManifest(await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation), null);
            foreach (var layer in manifest.Layers!.Where(static layer => layer.MediaType == StatementType && layer.Annotations?.ContainsKey(PredicateKey) == true))
            {
                var type = layer.Annotations![PredicateKey];
                if (types.Count > 0 && !types.Contains(type)) continue;
                statements.Add(new AttestationStatement { Descriptor = layer, PredicateType = type, Statement = isWhole ? await StatementAsync(layer.Digest, cancellation) : null });
            }
        }
        return statements;
    }

    private async Task<JsonElement> StatementAsync(Digest digest, CancellationToken cancellation)
    {
        try { return JsonElement.Parse(await _content.ReadAsync(digest, _options.Limits.MaxJsonBody, cancellation)); }
        catch (JsonException error) { throw WharfException.Invalid($"attestation {digest} is no JSON: {error.Message}", error); }
    }

    /// <summary>Manifests of attestations that are here, of the indexes an image came with.</summary>
    private async Task<List<Digest>> AttestationsOfAsync(Digest image, CancellationToken cancellation)
    {
        var own = _store.ManifestsOf(image);
        var found = new List<Digest>();
        foreach (var digest in own.Where(_content.Has))
        {
            var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
            if (!ManifestDocuments.IsIndex(null, bytes)) continue;
            var about = own.ConvertAll(static manifest => manifest.ToString());
            foreach (var entry in ManifestDocuments.ParseIndex(bytes, null).Manifests ?? [])
                if (IsAttestation(entry) && about.Contains(entry.Annotations!.GetValueOrDefault(AttestationOf) ?? "") && _content.Has(entry.Digest) && !found.Contains(entry.Digest)) found.Add(entry.Digest);
        }
        return found;
    }

    private static bool IsAttestation(Descriptor entry) => entry.Annotations?.GetValueOrDefault(AttestationType) == "attestation-manifest";

    // They are small: one pull at a time fetches them, and none of them twice.
    private readonly SemaphoreSlim _attesting = new(1, 1);

    /// <summary>
    /// Fetches the attestations of a manifest of an index and gives what the index needs of them. That one cannot be had is logged and is no
    /// reason to fail the pull.
    /// </summary>
    private async Task<List<Digest>> FetchAttestationsAsync(RegistryClient client, ImageIndex? index, Digest manifest, Leases.Lease lease, CancellationToken cancellation)
    {
        var found = new List<Digest>();
        foreach (var entry in (index?.Manifests ?? []).Where(entry => IsAttestation(entry) && entry.Annotations!.GetValueOrDefault(AttestationOf) == manifest.ToString()))
        {
            await _attesting.WaitAsync(cancellation);
            try { found.AddRange(await FetchAttestationAsync(client, entry, lease, cancellation)); }
            catch (Exception error) when (error is WharfException or IOException) { Log.AttestationMissing(_log, entry.Digest, error.Message); }
            finally { _attesting.Release(); }
        }
        return found;
    }

    private async Task<IEnumerable<Digest>> FetchAttestationAsync(RegistryClient client, Descriptor entry, Leases.Lease lease, CancellationToken cancellation)
    {
        lease.Add(entry.Digest);
        byte[] bytes;
        if (_content.Has(entry.Digest)) bytes = await _content.ReadAsync(entry.Digest, _options.Limits.MaxManifest, cancellation);
        else
        {
            bytes = (await client.ManifestAsync(entry.Digest.ToString(), cancellation)).Bytes;
            if (bytes.Length != entry.Size) throw WharfException.Invalid($"manifest {entry.Digest} has {bytes.Length} bytes, the index says {entry.Size}");
        }
        var manifest = ManifestDocuments.ParseManifest(bytes, null);
        var blobs = manifest.Layers!.Prepend(manifest.Config!).DistinctBy(static blob => blob.Digest).ToList();
        if (blobs.Exists(static blob => blob.Size < 0 || blob.Urls is { Count: > 0 }) || blobs.Sum(static blob => blob.Size) > MaxAttestations) throw WharfException.Invalid($"attestation {entry.Digest} is larger than {MaxAttestations} bytes or lies elsewhere");
        foreach (var blob in blobs)
        {
            lease.Add(blob.Digest);
            if (_content.Has(blob.Digest)) continue;
            await using var ingest = await _content.IngestAsync(blob.Digest, blob.Size, cancellation);
            await client.DownloadAsync(ingest, blob, static _ => { }, _downloads, cancellation);
            ingest.Commit();
        }
        // The manifest last: where it is, all it names is.
        await _content.WriteAsync(bytes, cancellation);
        return blobs.Select(static blob => blob.Digest).Append(entry.Digest);
    }
}
