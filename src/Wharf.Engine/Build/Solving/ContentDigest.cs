using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Linux.Fds;
using Wharf.Specs.Build;

namespace Wharf.Engine.Build.Solving;

/// <summary>A digest over files, and a mark for each of them by which a later build can tell which one changed.</summary>
internal readonly record struct FilesDigest(string Digest, IReadOnlyList<(string Path, ulong Mark)> Files);

/// <summary>
/// A digest over what COPY, ADD or a bind mount reads: names, kinds, modes, contents, links and attributes, but no times. Of the build context
/// no owners either, since they are not copied.
/// </summary>
internal static class ContentDigest
{
    public static async Task<FilesDigest> OfAsync(Fd root, IReadOnlyList<string> words, IReadOnlyList<string> excludePatterns, IReadOnlySet<string> excluded, bool owners, bool deep, bool strict, CancellationToken cancellation)
    {
        await using var hash = new HashStream();
        var tar = new TarWriter(hash, hash.Begin);
        var ignored = IgnorePatterns.Parse(excludePatterns);
        for (int i = 0; i < words.Count; i++)
        {
            foreach (var found in CopySources.Find(root, words[i].Replace("/./", "/", StringComparison.Ordinal), excluded, deep, strict).OrderBy(source => source.Path, StringComparer.Ordinal))
            {
                using (found)
                {
                    var prefix = $"{i}/{found.Path}{(found.IsDirectory ? "/" : "")}";
                    var writer = new TreeWriter(tar, new TreeWriterOptions { Admit = entry => Admit(entry, found.IsDirectory ? prefix.Length : prefix.LastIndexOf('/') + 1) });
                    if (found.IsDirectory)
                    {
                        await tar.WriteEntryAsync(new TarEntry { Type = TarType.Directory, Name = Encoding.UTF8.GetBytes(prefix), Mode = found.Stat.Permissions }, cancellation);
                        await writer.WriteChildrenAsync(found.Parent, Encoding.UTF8.GetBytes(prefix), cancellation);
                    }
                    else await writer.WriteNameAsync(found.Parent, found.Name, Encoding.UTF8.GetBytes(prefix), cancellation);
                }
            }
        }
        await tar.FinishAsync(cancellation);
        return hash.Finish();

        bool Admit(TarEntry entry, int prefix)
        {
            var path = entry.NameText.TrimEnd('/');
            var relative = path.Length >= prefix ? path[prefix..] : path;
            if (ignored.Excludes(relative) && !(entry.IsDirectory && ignored.MayHoldException(relative))) return false;
            if (excluded.Contains(relative)) return false;
            (entry.ModifiedSeconds, entry.ModifiedNanoseconds) = (0, 0);
            if (!owners) (entry.Uid, entry.Gid) = (0, 0);
            return true;
        }
    }

    /// <summary>Digests what is written to it: each entry by itself, and the whole as the digest of their digests.</summary>
    private sealed class HashStream : WriteOnlyStream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256), _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly List<(string Path, ulong Mark)> _files = [];
        private string? _path;

        /// <summary>From here on it is another entry.</summary>
        public void Begin(TarEntry entry)
        {
            End();
            _path = entry.NameText;
        }

        private void End()
        {
            Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
            _hash.GetHashAndReset(digest);
            _whole.AppendData(digest);
            if (_path is not null) _files.Add((_path, System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(digest)));
        }

        public FilesDigest Finish()
        {
            End();
            return new FilesDigest(Convert.ToHexStringLower(_whole.GetHashAndReset()), _files);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _hash.AppendData(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override void Write(byte[] buffer, int offset, int count) => _hash.AppendData(buffer, offset, count);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _hash.Dispose();
                _whole.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
