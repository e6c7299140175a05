using Wharf.Engine.Content;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Proving that the store is whole: everything is read again and digested.</summary>
public sealed partial class ImageService
{
    /// <summary>
    /// Checks blobs, layers and images. With <paramref name="repair"/> what is damaged goes: a blob is deleted, a layer made anew from its own data where
    /// that is whole or from its compressed form where that was kept, or else forgotten so that the next pull or load brings it again. Images whose configuration is lost are removed.
    /// </summary>
    public async Task<CheckReport> CheckAsync(bool repair, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            using var held = _leases.HoldAll();
            var report = new CheckReport();
            await CheckBlobsAsync(report, repair, cancellation);
            await CheckLayersAsync(report, repair, cancellation);
            await CheckImagesAsync(report, repair, cancellation);
            await CheckRecipesAsync(report, repair, cancellation);
            foreach (var (blob, owner) in OtherBlobs().Where(other => !_content.Has(other.Blob)))
                report.Problems.Add(new CheckProblem { Kind = "artifact", Object = owner, Problem = $"blob {blob} is missing: pull or add it again" });
            foreach (var path in _snapshots.Leftovers(repair).Concat(_content.Leftovers(repair)))
                report.Problems.Add(new CheckProblem { Kind = "leftover", Object = path, Problem = "nothing refers to it", Repaired = repair ? "removed" : null });
            return report;
        }
        finally { _removing.Release(); }
    }

    private async Task CheckBlobsAsync(CheckReport report, bool repair, CancellationToken cancellation)
    {
        var buffer = new byte[128 << 10];
        foreach (var digest in _content.List().ToList())
        {
            report.Blobs++;
            try
            {
                await using var blob = _content.OpenRead(digest);
                for (int count; (count = await blob.ReadAsync(buffer, cancellation)) > 0;) report.Bytes += count;
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { report.Blobs--; }
            catch (Exception error) when (error is IOException or InvalidDataException or WharfException)
            {
                if (repair)
                {
                    Log.BlobDamaged(_log, digest);
                    _content.Delete(digest);
                    _configs.TryRemove(digest, out OciImage? _);
                }
                report.Problems.Add(new CheckProblem { Kind = "blob", Object = digest.ToString(), Problem = error.Message, Repaired = repair ? "deleted" : null });
            }
        }
    }

    private async Task CheckLayersAsync(CheckReport report, bool repair, CancellationToken cancellation)
    {
        foreach (var (chain, diffId, parent) in _snapshots.Layers())
        {
            report.Layers++;
            var (problem, bytes) = await _snapshots.VerifyAsync(chain, cancellation);
            report.Bytes += bytes;
            if (problem is null)
            {
                if (await _snapshots.VerifyWholeAsync(chain, repair, cancellation) is { } wrong)
                    report.Problems.Add(new CheckProblem { Kind = "layer", Object = chain.ToString(), Problem = wrong, Repaired = repair ? "removed: it is made again when it is needed" : null });
                continue;
            }
            var found = new CheckProblem { Kind = "layer", Object = chain.ToString(), Problem = problem };
            report.Problems.Add(found);
            if (repair) found.Repaired = await RepairLayerAsync(chain, diffId, parent, cancellation);
        }
    }

    private async Task<string?> RepairLayerAsync(Digest chain, Digest diffId, Digest? parent, CancellationToken cancellation)
    {
        if (_snapshots.IsUsedByContainer(chain)) return null;
        if (await _snapshots.RemakeAsync(chain, cancellation)) return "unpacked again from what is whole of it";
        if (parent is null || _snapshots.Exists(parent.Value))
        {
            foreach (var blob in _store.LayerBlobs(diffId).Where(blob => _content.Has(blob.Digest)))
            {
                await using var source = _content.OpenRead(blob.Digest);
                await using var tar = await Compression.OpenAsync(source, _options.Limits.MaxDecompressionRatio, cancellation);
                if (!_snapshots.Exists(chain)) await _snapshots.ApplyAsync(parent, diffId, tar, cancellation);
                else if (!await _snapshots.RemakeAsync(chain, tar, cancellation)) return null;
                return "unpacked again from its compressed form";
            }
        }
        return _snapshots.Forget(chain) ? "forgotten: pull or load its image again" : null;
    }

    private async Task CheckImagesAsync(CheckReport report, bool repair, CancellationToken cancellation)
    {
        foreach (var id in _store.All())
        {
            report.Images++;
            var names = string.Join(", ", _store.NamesOf(id).Select(name => name.Familiar));
            var image = names.Length > 0 ? $"{id} ({names})" : id.ToString();
            OciImage config;
            try { config = await ConfigAsync(id, cancellation); }
            catch (WharfException error)
            {
                if (repair) _store.Remove(id);
                report.Problems.Add(new CheckProblem { Kind = "image", Object = image, Problem = $"its configuration cannot be read: {error.Message}", Repaired = repair ? "removed: pull or load it again" : null });
                continue;
            }
            if (!_content.Has(id)) report.Problems.Add(new CheckProblem { Kind = "image", Object = image, Problem = "its configuration is gone" });
            foreach (var chain in Chains(config).Where(chain => !_snapshots.Exists(chain)))
                report.Problems.Add(new CheckProblem { Kind = "image", Object = image, Problem = $"layer {chain} is missing: pull or load it again" });
        }
    }
}
