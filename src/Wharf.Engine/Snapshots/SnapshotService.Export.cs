using System.Security.Cryptography;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Linux.Fds;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    /// <summary>
    /// Writes the layer's tar again, byte for byte as it was applied. Its digest is verified along the way; damage found at the end
    /// is an InvalidDataException, after the bytes are out.
    /// </summary>
    public Task WriteLayerTarAsync(Digest chainId, Stream output, CancellationToken cancellation) => PlayAsync(Find(chainId), output, cancellation);

    /// <summary>The size of the tar that <see cref="WriteLayerTarAsync"/> writes.</summary>
    public Task<long> TarSizeAsync(Digest chainId, CancellationToken cancellation)
    {
        var path = ShownPath(Find(chainId));
        return Task.Run(() =>
        {
            using var tree = OpenAt.Open(path + "/fs", O.PATH | O.DIRECTORY);
            return new LayerJournalPlayer(path + "/tar", tree, null).Measure(cancellation);
        }, cancellation);
    }

    /// <summary>Writes the writable layer as an OCI layer tar with whiteouts.</summary>
    public async Task WriteChangesTarAsync(string key, Stream output, CancellationToken cancellation)
    {
        using var upper = OpenAt.Open(TreePath(Find(key)), O.RDONLY | O.DIRECTORY);
        var tar = new TarWriter(output);
        var options = new TreeWriterOptions { Whiteouts = true, MaxNameLength = _options.Limits.MaxTarNameLength };
        if (Find(key).Driver.HoldsWholeRoot) await WriteWholeRootChangesAsync(key, tar, options, cancellation).ConfigureAwait(false);
        else await new TreeWriter(tar, options).WriteChildrenAsync(upper, [], cancellation).ConfigureAwait(false);
        await tar.FinishAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Gives how many bytes it wrote.</summary>
    private async Task<long> PlayAsync(Snapshot snapshot, Stream output, CancellationToken cancellation, bool provesHoles = false)
    {
        var path = ShownPath(snapshot);
        using var tree = OpenAt.Open(path + "/fs", O.RDONLY | O.DIRECTORY);
        using var kept = Directory.Exists(path + "/kept") ? OpenAt.Open(path + "/kept", O.RDONLY | O.DIRECTORY) : null;
        await using var hashing = new HashingWriter(output);
        await new LayerJournalPlayer(path + "/tar", tree, kept) { Objects = _objects, ProvesHoles = provesHoles }.WriteAsync(hashing, cancellation).ConfigureAwait(false);
        var diffId = Digest.FromSha256(hashing.GetHash());
        if (diffId != snapshot.DiffId) throw new InvalidDataException($"layer {snapshot.ChainId} is damaged: it gives {diffId} instead of {snapshot.DiffId}");
        return hashing.Count;
    }

    /// <summary>Digests what passes. Does not own the inner stream.</summary>
    private sealed class HashingWriter(Stream inner) : WriteOnlyStream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public long Count { get; private set; }

        public byte[] GetHash() => _hash.GetHashAndReset();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Count += buffer.Length;
            _hash.AppendData(buffer.Span);
            await inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
        public override void Flush() => inner.Flush();

        protected override void Dispose(bool disposing)
        {
            if (disposing) _hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
