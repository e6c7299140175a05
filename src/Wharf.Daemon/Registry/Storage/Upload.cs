using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>A blob on its way in: one session of the specification's uploads. One request at a time writes to it.</summary>
public sealed class Upload(string id, string name, string path) : IDisposable
{
    /// <summary>Bytes are gathered to this much before they are hashed and written.</summary>
    private const int Gather = 256 << 10;

    private IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private string _algorithm = "sha256";

    public string Id { get; } = id;
    public string Name { get; } = name;
    public string Path { get; } = path;
    /// <summary>Bytes received: where the next chunk begins.</summary>
    public long Offset { get; private set; }
    /// <summary>Over a shared store: how much of it lies there too, and under which keys. Empty for an upload that ends with the request that began it.</summary>
    public long Saved { get; set; }
    public List<string> SavedKeys { get; } = [];
    public DateTimeOffset Used { get; set; } = DateTimeOffset.UtcNow;
    public SemaphoreSlim Gate { get; } = new(1, 1);
    /// <summary>Told of every offset that has been reached: its bytes are in the file.</summary>
    public Action<long> Moved { get; set; } = static _ => { };

    /// <summary>Begins the hash anew in the algorithm the blob will be named by. What is there already is read again.</summary>
    public async Task UseAlgorithmAsync(string algorithm, CancellationToken cancellation)
    {
        if (algorithm == _algorithm) return;
        await RehashAsync(algorithm, cancellation);
    }

    /// <summary>Takes up what a former process received.</summary>
    public Task ResumeAsync(CancellationToken cancellation) => RehashAsync("sha256", cancellation);

    private async Task RehashAsync(string algorithm, CancellationToken cancellation)
    {
        _hash.Dispose();
        _hash = IncrementalHash.CreateHash(algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        _algorithm = algorithm;
        Offset = 0;
        if (!File.Exists(Path)) return;
        var buffer = ArrayPool<byte>.Shared.Rent(Gather);
        try
        {
            using var file = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, FileOptions.Asynchronous);
            int count;
            while ((count = await RandomAccess.ReadAsync(file, buffer, Offset, cancellation)) > 0)
            {
                _hash.AppendData(buffer, 0, count);
                Offset += count;
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    /// <summary>Appends a request's body; stops with SIZE_INVALID over a limit. What came before an error or a cut stays, and can be gone on from.</summary>
    public async Task AppendAsync(PipeReader body, long limit, CancellationToken cancellation)
    {
        SafeFileHandle? file = null;
        try
        {
            while (true)
            {
                var result = await body.ReadAtLeastAsync(Gather, cancellation);
                foreach (var segment in result.Buffer) _hash.AppendData(segment.Span);
                if (result.Buffer.Length > 0)
                {
                    if (Offset + result.Buffer.Length > limit) throw new RegistryException(RegistryErrorCode.BlobTooLarge, $"blobs are limited to {limit} bytes");
                    file ??= File.OpenHandle(Path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
                    Write(file, result.Buffer);
                    Offset += result.Buffer.Length;
                    Moved(Offset);
                }
                body.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted) return;
            }
        }
        finally
        {
            file?.Dispose();
            Used = DateTimeOffset.UtcNow;
        }
    }

    /// <summary>Appends from a stream of this process's own making, such as an upstream's answer.</summary>
    public Task AppendAsync(Stream stream, long limit, CancellationToken cancellation) => AppendAsync(PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: Gather, leaveOpen: true)), limit, cancellation);

    private void Write(SafeFileHandle file, ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment) RandomAccess.Write(file, bytes.FirstSpan, Offset);
        else
        {
            var list = new List<ReadOnlyMemory<byte>>();
            foreach (var segment in bytes) list.Add(segment);
            RandomAccess.Write(file, list, Offset);
        }
    }

    /// <summary>The digest of all that came, in the algorithm in use. The upload can only be ended afterwards.</summary>
    public Digest Finish() => _algorithm == "sha512" ? Digest.FromSha512(_hash.GetHashAndReset()) : Digest.FromSha256(_hash.GetHashAndReset());

    public void Dispose()
    {
        _hash.Dispose();
        Gate.Dispose();
    }
}
