using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>Layers with their times cut: what is later than a bound becomes the bound.</summary>
internal static class LayerTimes
{
    /// <summary>Writes a layer's tar with no time later than <paramref name="epoch"/> (seconds since 1970).</summary>
    public static Task ClampAsync(SnapshotService snapshots, Digest chain, Stream output, long epoch, Limits limits, CancellationToken cancellation) =>
        Piped.RunAsync(tar => snapshots.WriteLayerTarAsync(chain, tar, cancellation), async layer =>
        {
            var reader = new TarReader(layer, limits);
            var writer = new TarWriter(output);
            while (await reader.ReadNextAsync(cancellation) is { } entry)
            {
                if (entry.ModifiedSeconds > epoch || (entry.ModifiedSeconds == epoch && entry.ModifiedNanoseconds > 0)) (entry.ModifiedSeconds, entry.ModifiedNanoseconds) = (epoch, 0);
                await writer.WriteEntryAsync(entry, cancellation);
                if (!entry.IsFile || entry.Size == 0) continue;
                for (var data = await reader.ReadDataAsync(cancellation); !data.IsEmpty; data = await reader.ReadDataAsync(cancellation)) await writer.WriteDataAsync(data, cancellation);
            }
            await writer.FinishAsync(cancellation);
        });
}
