using Wharf.Engine.Snapshots.Objects;
using Wharf.Engine.Volumes;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>As <see cref="OverlayDriver"/>, and a layer is kept as one EROFS image in place of a tree of files.</summary>
internal sealed class ErofsDriver(DirectoryQuotas quotas, LayerImages images, ObjectStore objects) : OverlayDriver(quotas, images, objects)
{
    public override string Name => "erofs";
    public override bool KeepsImages => true;

    public override void Require(string path)
    {
        base.Require(path);
        Images.Require();
    }
}
