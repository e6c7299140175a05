using Wharf.Linux.Fds;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// How a stack of layers becomes a container's root. Layers lie on disk the same way under every driver (each its own tree and the journal of its tar), so that a data
/// root can change from one to the other; a container stays what it was made as, and its directory tells which driver that was.
/// </summary>
internal abstract class StorageDriver
{
    /// <summary>Docker's name for it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a writable layer holds the whole root, and not only what differs from the layers below.</summary>
    public abstract bool HoldsWholeRoot { get; }

    /// <summary>What puts directories over each other where this driver is in use.</summary>
    public virtual UnionFileSystem Union => UnionFileSystem.Overlay;

    /// <summary>Whether what is unpacked becomes an image of its files (<see cref="LayerImages"/>). Layers that are there stay as they are.</summary>
    public virtual bool KeepsImages => false;

    /// <summary>Whether the contents of an image's files are kept beside it, once for all layers (<see cref="Objects.ObjectStore"/>).</summary>
    public virtual bool KeepsObjects => false;

    /// <summary>Whether writable layers can have a size.</summary>
    public abstract bool LimitsSizes { get; }

    /// <summary>Throws (InvalidArgument) where layers at a path cannot be used with it.</summary>
    public virtual void Require(string path) { }

    /// <summary>Whether this driver made the writable layer in a numbered directory.</summary>
    public abstract bool Made(string path);

    /// <summary>
    /// Makes a writable layer over <paramref name="stack"/> in an empty numbered directory, which is open and has a path; it may hold no more than
    /// <paramref name="size"/> bytes where one is given. Whoever calls removes the directory when this fails.
    /// </summary>
    public abstract Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation);

    /// <summary>What the runtime mounts as the container's root.</summary>
    public abstract Specs.Runtime.Mount MountOf(string path, LayerStack stack);

    /// <summary>The root of a container that does not run, as a mount attached nowhere; closing it unmounts.</summary>
    public abstract Fd OpenRoot(string path, LayerStack stack);

    /// <summary>The root as it is now, read-only and with nothing mounted in it, also of a running container.</summary>
    public abstract Fd OpenRootReadOnly(string path, LayerStack stack);

    /// <summary>A stack that is not empty as trees to read, uppermost first and without the base.</summary>
    public abstract IReadOnlyList<string> View(LayerStack stack);

    /// <summary>Where the layers in these directories lie, uppermost first, under the names docker has for it; null where it has none.</summary>
    public virtual Dictionary<string, string>? GraphPaths(IReadOnlyList<string> directories) => null;

    /// <summary>All of a stack in one tree, where there is one beside its uppermost layer (whose numbered directory is given).</summary>
    public virtual string? WholeIn(string path) => null;

    /// <summary>
    /// The tree of all layers that a container's root began as a snapshot of; null where there is none, or no longer. What has one inode number and one time of change
    /// in both is in the container as it was.
    /// </summary>
    public virtual string? OriginOf(string path, LayerStack stack) => null;

    /// <summary>Takes away what <see cref="WholeIn"/> tells of, and what a killed daemon left of making one. Idempotent.</summary>
    public virtual void ForgetWhole(string path) { }

    /// <summary>Makes a writable layer's tree readable at its path, where that takes something. Idempotent.</summary>
    public virtual void Show(string path) { }

    /// <summary>Lets go of what else than files belongs to a numbered directory, which will be removed. Idempotent.</summary>
    public virtual void Release(string path) { }

    /// <summary>Takes down what the daemon has mounted for a numbered directory and needs no longer when it stops.</summary>
    public virtual void Hide(string path) { }

    /// <summary>Takes away what a killed daemon left half made beside a layer. Idempotent.</summary>
    public virtual void RemoveHalfMade(string path) { }
}
