using Wharf.Engine.Snapshots.Objects;
using Wharf.Engine.Volumes;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>The kernel's overlayfs (<c>storage-driver: overlay2</c>).</summary>
internal class OverlayDriver(DirectoryQuotas quotas, LayerImages images, ObjectStore objects) : UnionDriver
{
    protected LayerImages Images => images;
    public override string Name => "overlay2";
    public override bool LimitsSizes => quotas.IsOn;
    protected override string WorkName => "work";

    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation)
    {
        // Before there is anything in it: what is made later inherits the mark.
        if (size is { } bytes) quotas.Set(path, bytes, "the writable layer");
        return base.MakeWritableAsync(directory, path, stack, size, cancellation);
    }

    /// <summary>Over images inodes keep their number when they are copied up, and all have one device's, as where all lies on one file system.</summary>
    public override Specs.Runtime.Mount MountOf(string path, LayerStack stack)
    {
        var mount = base.MountOf(path, stack);
        return stack.HasImages ? mount with { Options = [.. mount.Options!, "xino=on"] } : mount;
    }

    /// <summary>
    /// A container writes whole files (<see cref="UnionFileSystem.Overlay"/>), and then overlayfs follows a layer's file to its content in its lowest layer alone: so all of a stack
    /// is one image there.
    /// </summary>
    protected override (UnionFileSystem Union, IReadOnlyList<string> Trees) Below(LayerStack stack) =>
        objects.Serves(stack) ? (Union with { Data = [objects.DataOption] }, [images.StackOf(stack)]) : base.Below(stack);

    public override void RemoveHalfMade(string path) => LayerImages.RemoveHalfStack(path);

    protected override string Why(IOException error) => error switch
    {
        SyscallException { Errno: Errno.ENODEV } => "this kernel has no overlayfs",
        SyscallException { Errno: Errno.EPERM or Errno.EACCES } => $"overlayfs may not be mounted, which users of their own namespaces may from Linux 5.13 on: {error.Message}",
        SyscallException { Errno: Errno.EINVAL } => $"overlayfs cannot stand on that file system: {error.Message}",
        _ => error.Message,
    };
}
