using System.Security.Cryptography;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Blobs and documents as files: verified when they are written, and when a document is read.</summary>
internal static class BlobFile
{
    private const long MaxDocument = 4 << 20;

    /// <summary>True when a file is there and small enough for a manifest.</summary>
    public static bool IsDocument(string path) => new FileInfo(path) is { Exists: true, Length: <= MaxDocument };

    /// <summary>A manifest whole and verified; NotFound when it is not there.</summary>
    public static async Task<byte[]> DocumentAsync(string path, Digest digest, CancellationToken cancellation)
    {
        var bytes = await BytesAsync(path, cancellation);
        var found = digest.Algorithm == "sha512" ? Digest.FromSha512(SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        return found == digest ? bytes : throw WharfException.Invalid($"{path} is damaged: its bytes have {found}");
    }

    /// <summary>A document whole.</summary>
    public static async Task<byte[]> BytesAsync(string path, CancellationToken cancellation)
    {
        var file = new FileInfo(path);
        if (!file.Exists) throw WharfException.NotFound($"{path} is not there");
        if (file.Length > MaxDocument) throw WharfException.Invalid($"{path} has {file.Length} bytes: no manifest");
        return await File.ReadAllBytesAsync(path, cancellation);
    }

    public static Task<Stream> OpenAsync(string path) => Task.FromResult<Stream>(
        File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan) : throw WharfException.NotFound($"{path} is not there"));

    /// <summary>Writes a blob; refuses other bytes than the digest and size promise, and leaves nothing of them.</summary>
    public static Task WriteAsync(string path, Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => BesideAsync(path, async file =>
    {
        await using var source = await open(cancellation);
        using var hash = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        var buffer = new byte[128 << 10];
        long taken = 0;
        for (int count; (count = await source.ReadAsync(buffer, cancellation)) > 0; taken += count)
        {
            if (taken + count > size) throw WharfException.Invalid($"blob {digest} has more than the {size} bytes that its descriptor says");
            hash.AppendData(buffer, 0, count);
            await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
        }
        if (taken != size || Convert.ToHexStringLower(hash.GetHashAndReset()) != digest.Hex) throw WharfException.Invalid($"blob {digest}: other bytes came than the digest says");
    });

    public static Task WriteAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellation) => BesideAsync(path, async file => await file.WriteAsync(bytes, cancellation));

    /// <summary>Writes a file beside its place, and moves it there when it is whole.</summary>
    public static async Task BesideAsync(string path, Func<FileStream, Task> write)
    {
        var temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite)) await write(file);
            File.Move(temporary, path, overwrite: true);
        }
        finally { File.Delete(temporary); }
    }
}
