using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Layers unpacked once and shared (committed snapshots, named by chain ID), and the writable layer of each container
/// (named by its container ID). Nothing is ever mounted where the host can see it.
/// </summary>
public sealed class SnapshotService
{
    /// <summary>True when the stack of layers is unpacked here.</summary>
    public bool Exists(Digest chainId) => throw new NotImplementedException();

    /// <summary>
    /// Unpacks an uncompressed layer on top of <paramref name="parent"/>. Verifies <paramref name="expectedDiffId"/> over the bytes read
    /// (InvalidArgument when it differs) and returns the layer with its real diff ID and size. Idempotent, single flight per chain ID;
    /// atomic: a kill leaves either the whole snapshot or nothing that is ever used.
    /// </summary>
    public Task<LayerInfo> ApplyAsync(Digest? parent, Digest? expectedDiffId, Stream tar, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Writes the layer's tar again, byte for byte as it was applied.</summary>
    public Task WriteLayerTarAsync(Digest chainId, Stream output, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Deletes committed snapshots that no chain in <paramref name="used"/> and no container's writable layer needs. Returns bytes freed.</summary>
    public Task<long> CollectAsync(IReadOnlySet<Digest> used, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Makes the writable layer of a container over a stack of layers (null: an empty root).</summary>
    public Task CreateWritableAsync(string key, Digest? parent, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Removes a writable layer. Idempotent. The part that takes long happens off the caller's path.</summary>
    public Task RemoveWritableAsync(string key, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>What the runtime mounts as the container's root.</summary>
    public IReadOnlyList<Specs.Runtime.Mount> Mounts(string key) => throw new NotImplementedException();

    /// <summary>The root file system of a container that does not run, as a mount attached nowhere; closing it unmounts.</summary>
    public Fd OpenRoot(string key) => throw new NotImplementedException();

    /// <summary>What the writable layer changed: kinds 0 modified, 1 added, 2 deleted; sorted by path.</summary>
    public List<FilesystemChange> Changes(string key) => throw new NotImplementedException();

    /// <summary>Writes the writable layer as an OCI layer tar with whiteouts.</summary>
    public Task WriteChangesTarAsync(string key, Stream output, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Bytes the writable layer holds.</summary>
    public long WritableSize(string key) => throw new NotImplementedException();

    /// <summary>Unpacked bytes of one committed layer (not of its parents).</summary>
    public long LayerSize(Digest chainId) => throw new NotImplementedException();
}

/// <summary>A layer as applied. <see cref="Size"/> is the unpacked size in bytes.</summary>
public sealed record LayerInfo(Digest ChainId, Digest DiffId, long Size);
