using System.Security.Cryptography;
using Wharf.Engine.Archive;
using Wharf.Engine.Content.Recipes;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// A pulled layer is kept once: unpacked, and with a recipe to make the compressed bytes it came in again, so that it goes out to any registry
/// under the digest it came with. The blob is there until its recipe is written, proved and on the disk; what comes of it is looked for again at each start.
/// </summary>
public sealed partial class ImageService
{
    /// <summary>A recipe larger than this part of its blob is not worth it, and neither is one of a blob this small.</summary>
    private const int RecipeShare = 4, SmallBlob = 16 << 10;

    private readonly RecipeShares _shares = new(RecipeShares.Patience);

    private readonly SemaphoreSlim _recipesWanted = new(0);
    private readonly CancellationTokenSource _recipesStop = new();
    private readonly HashSet<Digest> _recipesTried = [];
    private Task _recipes = Task.CompletedTask;
    private long _lastTransfer = Environment.TickCount64;

    /// <summary>Begins to look for blobs that recipes can stand for.</summary>
    public void StartRecipes()
    {
        if (_options.LayerBlobs != LayerBlobs.Recipe || !LayerRecipeProcess.IsAvailable) return;
        var known = _store.Recipes().Select(static pair => pair.Blob).ToHashSet();
        foreach (var blob in _content.Recipes().ToList()) if (!known.Contains(blob)) _content.DeleteRecipe(blob);
        _recipesWanted.Release();
        _recipes = Task.Run(() => MakeRecipesAsync(_recipesStop.Token));
    }

    /// <summary>Ends it; what is not done is done after the next start.</summary>
    public async Task StopRecipesAsync()
    {
        await _recipesStop.CancelAsync();
        await _recipes.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void WantRecipes()
    {
        Volatile.Write(ref _lastTransfer, Environment.TickCount64);
        _recipesWanted.Release();
    }

    private async Task MakeRecipesAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _recipesWanted.WaitAsync(cancellation);
            await QuietAsync(cancellation);
            while (_recipesWanted.Wait(0, cancellation)) { }
            foreach (var (diffId, blob) in _store.BlobsToReplace())
            {
                if (!_content.Has(blob.Digest)) continue;
                try { await ReplaceAsync(diffId, blob, cancellation); }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException or Microsoft.Data.Sqlite.SqliteException or System.ComponentModel.Win32Exception)
                {
                    Log.RecipeFailed(_log, blob.Digest, error.Message);
                }
                await QuietAsync(cancellation);
            }
        }
    }

    /// <summary>Waits until nothing has been pulled for a while.</summary>
    private async Task QuietAsync(CancellationToken cancellation)
    {
        while (true)
        {
            bool busy;
            lock (_fetches) busy = _fetches.Count > 0;
            var left = _options.LayerRecipeDelay - TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref _lastTransfer));
            if (!busy && left <= TimeSpan.Zero) return;
            await Task.Delay(left > TimeSpan.FromMilliseconds(100) ? left : TimeSpan.FromMilliseconds(100), cancellation);
        }
    }

    private async Task ReplaceAsync(Digest diffId, Descriptor blob, CancellationToken cancellation)
    {
        if (blob.Digest != diffId && _store.RecipeOf(blob.Digest) is null)
        {
            bool isKnown = blob.MediaType is MediaTypes.OciLayerGzip or MediaTypes.DockerLayerGzip or MediaTypes.OciLayerZstd or MediaTypes.DockerLayerZstd;
            var result = !isKnown ? new RecipeResult(null, $"recipes are of gzip and zstd, not of {blob.MediaType}", true)
                : blob.Digest.Algorithm != "sha256" || diffId.Algorithm != "sha256" ? new RecipeResult(null, "recipes are of sha256 alone", true)
                : blob.Size < SmallBlob ? new RecipeResult(null, "it is small", true)
                : _recipesTried.Add(blob.Digest) ? await RecordAsync(diffId, blob, cancellation) : new RecipeResult(null, "it failed before", false);
            if (result.Recipe is null)
            {
                if (result.IsFinal) _store.SetRecipe(blob.Digest, null);
                if (blob.Size >= SmallBlob) Log.BlobKept(_log, blob.Digest, result.Why);
                return;
            }
        }
        lock (_fetches)
        {
            if (_fetches.ContainsKey(blob.Digest)) return;
            lock (_leases.Sync)
            {
                // Whoever uses it: at the next look.
                if (_leases.HoldsAll || _leases.Held.Contains(blob.Digest) || IsOthers(blob.Digest)) return;
                _content.Delete(blob.Digest);
            }
        }
    }

    private async Task<RecipeResult> RecordAsync(Digest diffId, Descriptor blob, CancellationToken cancellation)
    {
        var draft = _content.RecipeDraft();
        try
        {
            var result = await LayerRecipeProcess.RunAsync(_content.PathOf(blob.Digest), draft, blob, diffId, blob.Size / RecipeShare, cancellation);
            if (result.Recipe is null) return result;
            long size = new FileInfo(draft).Length;
            _content.CommitRecipe(draft, blob.Digest);
            _store.SetRecipe(blob.Digest, result.Recipe);
            Log.RecipeMade(_log, blob.Digest, blob.Size, size);
            return result;
        }
        finally { File.Delete(draft); }
    }

    /// <summary>Whether a layer's compressed form is here, or can be made again.</summary>
    private bool CanGive(Digest diffId, Descriptor blob) => _content.Has(blob.Digest) || CanRemake(diffId, blob);

    private bool CanRemake(Digest diffId, Descriptor blob) => blob.Digest == diffId || _store.RecipeOf(blob.Digest)?.Recipe is not null;

    /// <summary>The memory that it takes to make a layer's compressed form again; null where it is next to none.</summary>
    private async Task<RecipeShares.Share?> ShareAsync(Digest diffId, Descriptor blob, CancellationToken cancellation)
    {
        if (blob.Digest == diffId) return null;
        int count;
        await using (var recipe = _content.OpenRecipe(blob.Digest)) count = await LayerRecipe.ShareAsync(recipe, cancellation);
        return await _shares.TakeAsync(count, cancellation);
    }

    private async Task RemakeAsync(Digest diffId, Digest chain, Descriptor blob, Stream output, CancellationToken cancellation)
    {
        using var share = await ShareAsync(diffId, blob, cancellation);
        await RemakeAsync(share, chain, blob, output, cancellation);
    }

    /// <summary>Writes a layer's compressed form, as it came, from the unpacked one. InvalidDataException at the end when it did not become the same.</summary>
    private async Task RemakeAsync(RecipeShares.Share? share, Digest chain, Descriptor blob, Stream output, CancellationToken cancellation)
    {
        await using var digesting = new DigestingWriter(output, blob.Digest);
        if (share is null) await _snapshots.WriteLayerTarAsync(chain, digesting, cancellation);
        else
        {
            await using var recipe = _content.OpenRecipe(blob.Digest);
            long before = 0;
            void Advance(long read)
            {
                share.Advance(read - before);
                before = read;
            }
            await Piped.RunAsync(plain => _snapshots.WriteLayerTarAsync(chain, plain, cancellation), plain => LayerRecipe.RebuildAsync(recipe, new ProgressStream(plain, Advance), digesting, cancellation));
        }
        digesting.Verify();
    }

    /// <summary>Puts a layer's compressed form back into the store, as it came; null when that cannot be. The caller holds its digest.</summary>
    private async Task<Descriptor?> RestoreAsync(Digest diffId, Digest chain, IEnumerable<Descriptor> known, CancellationToken cancellation)
    {
        foreach (var blob in known)
        {
            if (_content.Has(blob.Digest)) return blob;
            if (!CanRemake(diffId, blob)) continue;
            try
            {
                await Piped.RunAsync(output => RemakeAsync(diffId, chain, blob, output, cancellation), made => _content.WriteAsync(made, blob.Digest, cancellation));
                return blob;
            }
            catch (Exception error) when (error is InvalidDataException or FileNotFoundException) { ForgetRecipe(blob.Digest, error); }
        }
        return null;
    }

    private void ForgetRecipe(Digest blob, Exception error)
    {
        Log.RecipeDamaged(_log, blob, error.Message);
        _store.RemoveRecipe(blob);
        _content.DeleteRecipe(blob);
    }

    private long SweepRecipes()
    {
        long freed = 0;
        foreach (var blob in _store.TakeOrphanRecipes())
        {
            var file = new FileInfo(_content.RecipePath(blob));
            if (file.Exists) freed += file.Length;
            _content.DeleteRecipe(blob);
        }
        return freed;
    }

    private async Task CheckRecipesAsync(CheckReport report, bool repair, CancellationToken cancellation)
    {
        foreach (var (blob, recipe) in _store.Recipes())
        {
            string problem;
            try
            {
                await using var file = _content.OpenRecipe(blob);
                report.Bytes += file.Length;
                if (Digest.FromSha256(await SHA256.HashDataAsync(file, cancellation)) == recipe) continue;
                problem = "it is no longer what was written";
            }
            catch (IOException error) { problem = error.Message; }
            if (repair) ForgetRecipe(blob, new InvalidDataException(problem));
            report.Problems.Add(new CheckProblem { Kind = "recipe", Object = blob.ToString(), Problem = problem, Repaired = repair ? "removed: a push compresses the layer anew" : null });
        }
    }
}
