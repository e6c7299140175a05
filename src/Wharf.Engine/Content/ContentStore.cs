using System.Buffers;
using System.Security.Cryptography;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Content;

/// <summary>
/// Blobs by digest, as files under <c>content/blobs</c>. A blob is there whole and verified, or not at all: it is written beside and
/// renamed. What was being written when a daemon died lies in <c>content/ingest</c> and can be gone on with.
/// </summary>
public sealed partial class ContentStore
{
    private readonly string _blobs, _ingests, _recipes;

    public ContentStore(DaemonOptions options)
    {
        _blobs = Path.Combine(options.DataRoot, "content", "blobs");
        _ingests = Path.Combine(options.DataRoot, "content", "ingest");
        Directory.CreateDirectory(Path.Combine(_blobs, "sha256"));
        Directory.CreateDirectory(Path.Combine(_blobs, "sha512"));
        Directory.CreateDirectory(_ingests);
        _recipes = Path.Combine(options.DataRoot, "content", "recipes");
        Directory.CreateDirectory(_recipes);
    }

    public bool Has(Digest digest) => File.Exists(PathOf(digest));
    public long SizeOf(Digest digest) => new FileInfo(PathOf(digest)).Length;
    public void Delete(Digest digest) => File.Delete(PathOf(digest));

    /// <summary>Bytes of all blobs.</summary>
    public long TotalSize() => List().Sum(SizeOf);

    /// <summary>All blobs there are.</summary>
    public IEnumerable<Digest> List() => new[] { "sha256", "sha512" }.SelectMany(algorithm => Directory.EnumerateFiles(Path.Combine(_blobs, algorithm))
        .Select(path => Digest.TryParse($"{algorithm}:{Path.GetFileName(path)}", out var digest) ? digest : default)).Where(digest => !digest.IsEmpty);

    /// <summary>Reads a blob; the stream throws at its end if the bytes are no longer what the digest says.</summary>
    public Stream OpenRead(Digest digest)
    {
        try
        {
            var file = new FileStream(PathOf(digest), new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
            return new VerifiedStream(file, digest, file.Length);
        }
        catch (FileNotFoundException)
        {
            throw WharfException.NotFound($"content {digest} is not in the store");
        }
    }

    /// <summary>Reads a small blob whole.</summary>
    public async Task<byte[]> ReadAsync(Digest digest, long limit, CancellationToken cancellation)
    {
        await using var stream = OpenRead(digest);
        return await stream.ReadWholeAsync(limit, () => WharfException.Invalid($"content {digest} is larger than {limit} bytes"), cancellation);
    }

    /// <summary>Stores bytes under their sha256.</summary>
    public async Task<Digest> WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        var digest = Digest.OfBytes(bytes.Span);
        if (Has(digest)) return digest;
        var temporary = TemporaryPath();
        await File.WriteAllBytesAsync(temporary, bytes, cancellation);
        File.Move(temporary, PathOf(digest), overwrite: true);
        return digest;
    }

    /// <summary>Stores a stream; InvalidArgument when its digest or size is not the expected one, and nothing is kept.</summary>
    public async Task<Descriptor> WriteAsync(Stream stream, Digest? expected, CancellationToken cancellation)
    {
        var temporary = TemporaryPath();
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            using var hash = NewHash(expected);
            long size = 0;
            await using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 }))
            {
                int count;
                while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
                {
                    hash.AppendData(buffer, 0, count);
                    await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
                    size += count;
                }
            }
            var digest = Finish(hash, expected);
            if (expected is { } wanted && wanted != digest) throw WharfException.Invalid($"content digest mismatch: expected {wanted}, got {digest}");
            File.Move(temporary, PathOf(digest), overwrite: true);
            return new Descriptor { Digest = digest, Size = size };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            File.Delete(temporary);
        }
    }

    /// <summary>Begins or goes on with the download of a blob. One at a time for each digest: the caller sees to it.</summary>
    public async Task<BlobIngest> IngestAsync(Digest digest, long size, CancellationToken cancellation)
    {
        var path = Path.Combine(_ingests, digest.Hex);
        var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, BufferSize = 0, Options = FileOptions.Asynchronous });
        var ingest = new BlobIngest(this, file, NewHash(digest), digest, size);
        try { await ingest.ReadWhatIsThereAsync(cancellation); }
        catch
        {
            await ingest.DisposeAsync();
            throw;
        }
        return ingest;
    }

    /// <summary>Makes a verified file of the same file system a blob as well, without copying it. Idempotent.</summary>
    public void Link(string path, Digest digest) => Linux.Fds.HardLink.TryCreate(path, PathOf(digest));

    /// <summary>Gives a blob another name on the same file system, so that it outlives its place here. NotFound when it is not in the store.</summary>
    public void LinkTo(Digest digest, string path)
    {
        if (!Has(digest)) throw WharfException.NotFound($"content {digest} is not in the store");
        Linux.Fds.HardLink.TryCreate(PathOf(digest), path);
    }

    internal string PathOf(Digest digest) => Path.Combine(_blobs, digest.Algorithm, digest.Hex);
    private string TemporaryPath() => Path.Combine(_ingests, "tmp-" + Guid.NewGuid().ToString("N"));
    internal static IncrementalHash NewHash(Digest? digest) => IncrementalHash.CreateHash(digest?.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
    internal static Digest Finish(IncrementalHash hash, Digest? like) => like?.Algorithm == "sha512" ? Digest.FromSha512(hash.GetHashAndReset()) : Digest.FromSha256(hash.GetHashAndReset());

    /// <summary>Removes what killed daemons left half-written and nobody goes on with, and downloads that nobody has gone on with for a week. Called at start.</summary>
    public void RemoveTemporaries()
    {
        foreach (var path in Directory.EnumerateFiles(_ingests, "tmp-*")) File.Delete(path);
        foreach (var path in Directory.EnumerateFiles(_ingests)) if (File.GetLastWriteTimeUtc(path) < DateTime.UtcNow - LongestPause) File.Delete(path);
        foreach (var path in Directory.EnumerateDirectories(Path.GetDirectoryName(_ingests)!, "load-*")) Directory.Delete(path, recursive: true);
    }

    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(7);

    /// <summary>Downloads that nobody has touched for a day; with <paramref name="remove"/> they are removed.</summary>
    public List<string> Leftovers(bool remove)
    {
        var left = Directory.EnumerateFiles(_ingests).Where(path => File.GetLastWriteTimeUtc(path) < DateTime.UtcNow - TimeSpan.FromDays(1)).ToList();
        if (remove) left.ForEach(File.Delete);
        return left;
    }
}
