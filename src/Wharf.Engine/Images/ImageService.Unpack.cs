using System.Runtime.ExceptionServices;
using Wharf.Engine.Content;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Unpacking the layers of one image side by side.</summary>
public sealed partial class ImageService
{
    // One for each processor, and two that wait for the layer below or for the line.
    private static readonly int MaxUnpacks = Environment.ProcessorCount + 2;

    /// <summary>A layer's place in the stack: what it stands on, which may be unpacked at the same time.</summary>
    private sealed record LayerPlace(int Index, Digest? Parent, Task Below, Digest DiffId, Digest ChainId);

    /// <summary>
    /// Unpacks layers, lowest first and several at a time. The first error ends all, and is told once none of them works on. A layer that
    /// another pull or load is unpacking is waited for.
    /// </summary>
    private async Task UnpackAllAsync(IReadOnlyList<Digest> diffIds, Func<LayerPlace, CancellationToken, Task> unpack, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var slots = new SemaphoreSlim(MaxUnpacks);
        ExceptionDispatchInfo? first = null;
        var layers = new List<Task>();
        Digest? parent = null;
        for (int i = 0; i < diffIds.Count; i++)
        {
            var chain = ChainId.Of(parent, diffIds[i]);
            // Slots go to those who ask first, so that the lowest layer always has one and none waits for a layer without.
            layers.Add(OneAsync(new LayerPlace(i, parent, i == 0 ? Task.CompletedTask : layers[^1], diffIds[i], chain)));
            parent = chain;
        }
        await Task.WhenAll(layers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        first?.Throw();

        async Task OneAsync(LayerPlace place)
        {
            try
            {
                await slots.WaitAsync(stop.Token);
                try { await unpack(place, stop.Token); }
                finally { slots.Release(); }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(error), null);
                await stop.CancelAsync();
                throw;
            }
        }
    }

    /// <summary>Unpacks a layer that lies whole in a file; with <paramref name="blob"/> its bytes are verified.</summary>
    private async Task UnpackFileAsync(LayerPlace place, string path, Digest? blob, Func<Stream, Stream> watch, CancellationToken cancellation)
    {
        if (_snapshots.Exists(place.ChainId)) return;
        var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, BufferSize = 0, Options = FileOptions.SequentialScan });
        await using var source = watch(blob is { } digest ? new VerifiedStream(file, digest, file.Length) : file);
        await using var tar = await Compression.OpenAsync(source, _options.Limits.MaxDecompressionRatio, cancellation);
        await _snapshots.ApplyAsync(place.Parent, place.Below, place.DiffId, tar, cancellation);
    }
}
