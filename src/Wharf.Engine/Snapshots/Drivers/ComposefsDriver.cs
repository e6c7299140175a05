using Wharf.Engine.Snapshots.Objects;
using Wharf.Engine.Volumes;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>As <see cref="ErofsDriver"/>, and a layer's image has no contents of files but the smallest: those are kept once for all layers (<see cref="ObjectStore"/>).</summary>
internal sealed class ComposefsDriver(DirectoryQuotas quotas, LayerImages images, ObjectStore objects) : OverlayDriver(quotas, images, objects)
{
    public override string Name => "composefs";
    public override bool KeepsImages => true;
    public override bool KeepsObjects => true;

    public override void Require(string path)
    {
        base.Require(path);
        Images.RequireObjects();
    }
}
