using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Artifacts;

/// <summary>Artifacts on their way from and to registries.</summary>
public sealed partial class ArtifactService
{
    public async Task<Artifact> PullAsync(string name, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        var asked = reference.Digest?.ToString() ?? reference.Tag!;
        var (bytes, type, told) = await client.ManifestAsync(asked, cancellation);
        if (ManifestDocuments.IsIndex(type, bytes)) throw WharfException.Invalid($"{reference.Familiar} is an index of several manifests, not an artifact");
        var manifest = ManifestDocuments.ParseManifest(bytes, type);
        if (BlobsOf(manifest).FirstOrDefault(static blob => blob.Size < 0) is { } wrong) throw WharfException.Invalid($"blob {wrong.Digest} has a negative size");
        await _images.CheckTrustAsync(client, reference, [told], cancellation);
        progress.Report(new JsonMessage { Status = $"Pulling from {reference.Path}", Id = asked });
        var former = _store.Find(reference)?.Manifest;
        using var lease = _images.TakeLease();
        var digest = Digest.OfBytes(bytes);
        lease.Add(digest);
        await _content.WriteAsync(bytes, cancellation);
        await _images.FetchBlobsAsync(client, reference, lease, BlobsOf(manifest), progress, cancellation);
        Keep(reference, digest, manifest, former);
        progress.Report(new JsonMessage { Status = $"Digest: {told}" });
        progress.Report(new JsonMessage { Status = $"Status: {(former == digest ? "Artifact is up to date" : "Downloaded newer artifact")} for {reference.Familiar}" });
        Publish("pull", reference, digest);
        return await ReadAsync(new ArtifactName(reference, digest, DateTimeOffset.UtcNow), cancellation);
    }

    /// <summary>Sends an artifact to where its name says, or to <paramref name="destination"/>; under its digest alone, or a tag.</summary>
    public async Task PushAsync(string nameOrDigest, string? destination, bool byDigest, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var artifact = Find(nameOrDigest)[0];
        var target = string.IsNullOrEmpty(destination) ? artifact.Name : ImageReference.Parse(destination).WithDefaultTag();
        if (target.Tag is null && !byDigest) throw WharfException.Invalid($"cannot push to a digest reference: {target.Familiar}");
        using var lease = _images.TakeLease();
        lease.Add(artifact.Manifest);
        var bytes = await _content.ReadAsync(artifact.Manifest, _options.Limits.MaxManifest, cancellation);
        var manifest = ManifestDocuments.ParseManifest(bytes, null);
        foreach (var blob in BlobsOf(manifest)) lease.Add(blob.Digest);
        progress.Report(new JsonMessage { Status = $"The push refers to repository [{target.Repository}]" });
        using var client = new RegistryClient(target, auth, push: true, _options, _log);
        await client.ConnectForPushAsync([], cancellation);
        foreach (var blob in BlobsOf(manifest)) await _images.SendBlobAsync(client, target, blob, progress, cancellation);
        var reference = byDigest ? artifact.Manifest.ToString() : target.Tag!;
        // The index of a subject's referrers is read, extended and written where the registry keeps none itself: by one at a time.
        using (await _subjects.EnterAsync(cancellation)) await client.PutManifestAsync(reference, bytes, manifest.MediaType ?? MediaTypes.OciManifest, cancellation);
        progress.Report(new JsonMessage { Status = $"{(byDigest ? target.FamiliarRepository : target.Tag)}: digest: {artifact.Manifest} size: {bytes.Length}" });
        Publish("push", target, artifact.Manifest);
    }
}
