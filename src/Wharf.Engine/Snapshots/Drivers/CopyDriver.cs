using Wharf.Engine.Snapshots.Objects;
using Wharf.Engine.Volumes;
using Wharf.Linux.Fds;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>Without anything special (<c>storage-driver: vfs</c>): a container's root is a copy of all its layers. Slow and large (but where files can share their data), and works on any file system.</summary>
internal sealed class CopyDriver(DirectoryQuotas quotas, ObjectStore objects) : WholeRootDriver(objects)
{
    public override string Name => "vfs";
    public override bool LimitsSizes => quotas.IsOn;
    protected override string WholeName => "full";

    /// <summary>Asked last: what no other driver made is a copy.</summary>
    public override bool Made(string path) => true;

    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation)
    {
        if (size is { } bytes) quotas.Set(path, bytes, "the writable layer");
        return Task.Run(() => Copy(directory, "fs"u8, stack.Trees, cancellation), cancellation);
    }

    protected override void MakeWhole(LayerStack stack)
    {
        var (directory, name) = BeginWhole(stack.Directories[0]);
        using (directory) Copy(directory, name, stack.Layers, CancellationToken.None);
        EndWholes([stack.Directories[0]]);
    }

    private void Copy(Fd directory, ReadOnlySpan<byte> name, IReadOnlyList<string> trees, CancellationToken cancellation)
    {
        using var tree = SnapshotService.MakeDirectory(directory, name, 0x1ed);
        using var merged = MergedDirectory.Open(trees);
        new MergedCopy(tree, Objects, cancellation).Run(merged);
    }
}
