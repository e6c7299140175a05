using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// The program fuse-overlayfs(1), a process for each root (<c>storage-driver: fuse-overlayfs</c>): for users, and file systems, for whom the kernel has no overlayfs.
/// </summary>
internal sealed class FuseOverlayDriver(ObjectStore objects) : UnionDriver
{
    public override string Name => "fuse-overlayfs";
    public override UnionFileSystem Union => UnionFileSystem.Fuse;
    protected override string WorkName => "fuse";

    /// <summary>It is the program that writes, and root's programs may go beyond quotas.</summary>
    public override bool LimitsSizes => false;

    /// <summary>A root that could not be mounted is not made.</summary>
    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation)
    {
        objects.UnionOver(stack.Trees, Union);
        return base.MakeWritableAsync(directory, path, stack, size, cancellation);
    }

    protected override (UnionFileSystem Union, IReadOnlyList<string> Trees) Below(LayerStack stack) => (stack.IsShown ? objects.UnionOver(stack.Trees, Union) : Union, stack.Trees);

    protected override string Why(IOException error) => error switch
    {
        SyscallException { Call: "posix_spawn", Errno: Errno.ENOENT } => $"the program {FuseOverlayMount.Program} is not on this machine: install the package of that name",
        SyscallException { Path: FuseOverlayMount.Device, Errno: Errno.ENOENT or Errno.ENODEV or Errno.ENXIO } => $"there is no {FuseOverlayMount.Device}: load the kernel's module fuse (modprobe fuse)",
        SyscallException { Path: FuseOverlayMount.Device, Errno: Errno.EACCES or Errno.EPERM } => $"{FuseOverlayMount.Device} may not be opened: its mode is to be 666",
        _ => error.Message,
    };
}
