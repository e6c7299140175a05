using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>All that a build added to its base as one layer.</summary>
public sealed partial class BuildService
{
    /// <summary>The same image with its own layers merged; what one of them made and another removed is in none. The base's layers stay.</summary>
    public async Task<SolvedTarget> SquashAsync(SolvedTarget target, CancellationToken cancellation)
    {
        int kept = target.Plan.Target.BaseImage?.Config.RootFs?.DiffIds.Count ?? 0;
        if (target.Root.DiffIds.Count <= kept + 1) return target;
        LayerInfo layer;
        using (_images.HoldLayersForStep())
        {
            layer = await _snapshots.MergeAsync(ChainId.Of(target.Root.DiffIds.Take(kept)), target.Root.ChainId, cancellation);
            target.Request.Hold.Add(layer.ChainId);
        }
        var image = LayerMerge.Apply(target.Image, target.Root.DiffIds, kept, layer.DiffId);
        return target with { Image = image, Root = new NodeResult(image.RootFs!.DiffIds, layer.ChainId) { CreatedAt = target.Root.CreatedAt } };
    }
}
