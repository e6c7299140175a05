using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Blobs that are no image's, in the same store: fetched, sent and kept for their owner.</summary>
public sealed partial class ImageService
{
    /// <summary>Blobs that others need (artifacts), each with who needs it: no collection takes them and no recipe takes their place. Set by the wiring.</summary>
    internal Func<IEnumerable<(Digest Blob, string Owner)>> OtherBlobs { get; set; } = () => [];

    private bool IsOthers(Digest blob) => OtherBlobs().Any(other => other.Blob == blob);

    /// <summary>While it is held, nothing is collected: for who writes blobs before their digests are known.</summary>
    internal IDisposable HoldLayersForAdding() => _leases.HoldAll();

    /// <summary>Records that blobs are needed, if all are here still; nothing takes one away meanwhile.</summary>
    internal void KeepBlobs(IEnumerable<Digest> blobs, Action record)
    {
        lock (_fetches)
        {
            foreach (var blob in blobs)
                if (!_content.Has(blob)) throw WharfException.Conflict($"content {blob} went while it was used: try again");
            record();
        }
    }

    /// <summary>Fetches blobs side by side, together with pulls that want the same.</summary>
    internal async Task FetchBlobsAsync(RegistryClient client, ImageReference name, Leases.Lease lease, IEnumerable<Descriptor> blobs, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var pull = new Pulling(client, name, lease, progress);
        var fetches = new List<LayerFetch>();
        try
        {
            foreach (var blob in blobs) fetches.Add(Join(pull, blob));
            await Task.WhenAll(fetches.Select(async fetch =>
            {
                await fetch.Done.WaitAsync(cancellation);
                progress.Report(new JsonMessage { Status = "Download complete", ProgressDetail = new(), Id = ShortId(fetch.Blob) });
            }));
        }
        finally
        {
            foreach (var fetch in fetches) await LeaveAsync(fetch, keep: true);
        }
    }

    /// <summary>Sends a blob that is here, unless the registry has it.</summary>
    internal async Task SendBlobAsync(RegistryClient client, ImageReference name, Descriptor blob, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var id = ShortId(blob);
        await _uploads.WaitAsync(cancellation);
        try
        {
            bool isThere = await client.HasBlobAsync(blob.Digest, cancellation);
            if (!isThere) await SendWholeAsync(new Pushing(client, name, progress), id, blob, cancellation);
            progress.Report(new JsonMessage { Status = isThere ? "Layer already exists" : "Pushed", ProgressDetail = new(), Id = id });
        }
        finally { _uploads.Release(); }
    }

    /// <summary>Sends a blob that is here; a large one so that a push after a cut goes on with it.</summary>
    private async Task<Digest> SendWholeAsync(Pushing push, string id, Descriptor blob, CancellationToken cancellation)
    {
        var report = Throttled(id, "Pushing", blob.Size, push.Progress);
        if (blob.Size < ResumableBytes || blob.Digest.Algorithm != "sha256")
        {
            await push.Client.UploadAsync(blob, _ => Task.FromResult(_content.OpenRead(blob.Digest)), report, cancellation);
            return blob.Digest;
        }
        using var note = _store.Upload(push.Name.Repository, blob.Digest.ToString());
        return (await push.Client.UploadAsync(async (output, stop) =>
        {
            await using var source = _content.OpenRead(blob.Digest);
            await source.CopyToAsync(output, 128 << 10, stop);
        }, note, report, cancellation)).Digest;
    }
}
