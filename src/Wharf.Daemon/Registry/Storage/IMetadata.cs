using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Which repositories, tags, manifests and blob links there are. Two implementations: looked up in the objects each time and listed
/// by an index that follows them (a bucket that several processes write to), or all from an index that one process keeps of its own directory.
/// </summary>
public interface IMetadata : IAsyncDisposable
{
    Task<bool> HasRepositoryAsync(string name, CancellationToken cancellation);
    Task<ManifestRecord?> FindManifestAsync(string name, Digest digest, CancellationToken cancellation);
    Task<TagRecord?> FindTagAsync(string name, string tag, CancellationToken cancellation);
    Task<bool> HasBlobAsync(string name, Digest digest, CancellationToken cancellation);
    /// <summary>Some repository that holds the blob and fits, or null.</summary>
    Task<string?> FindRepositoryOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation);

    /// <summary>The same for a mount: quick rather than complete, but never wrong.</summary>
    Task<string?> FindSourceOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation);

    /// <summary>Makes a blob readable through a repository. Idempotent; counts as a use of the blob.</summary>
    Task LinkBlobAsync(string name, Digest digest, CancellationToken cancellation);
    Task UnlinkBlobAsync(string name, Digest digest, CancellationToken cancellation);

    /// <summary>Adds a manifest whose bytes come along, and points tags at it: all or nothing, durable.</summary>
    Task PutManifestAsync(string name, ManifestRecord record, ReadOnlyMemory<byte> bytes, IReadOnlyList<string> tags, CancellationToken cancellation);
    /// <summary>Removes a manifest and every tag that points at it; returns those tags.</summary>
    Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation);
    Task DeleteTagAsync(string name, string tag, CancellationToken cancellation);
    Task DeleteRepositoryAsync(string name, CancellationToken cancellation);

    /// <summary>Tags after <paramref name="last"/> in case-insensitive order, as the specification has it.</summary>
    Task<NamePage> ListTagsAsync(string name, int limit, string? last, CancellationToken cancellation);

    /// <summary>The same as they are sent.</summary>
    async Task<TagSlice> ListTagsJsonAsync(string name, int limit, string? last, CancellationToken cancellation) => TagSlice.Of(await ListTagsAsync(name, limit, last, cancellation));
    Task<NamePage> ListRepositoriesAsync(int limit, string? last, Func<string, bool> visible, CancellationToken cancellation);
    Task<IReadOnlyList<ManifestRecord>> ListReferrersAsync(string name, Digest subject, CancellationToken cancellation);
    Task<IReadOnlyList<(string Tag, TagRecord Record)>> ListTagRecordsAsync(string name, CancellationToken cancellation);
    Task<IReadOnlyList<ManifestRecord>> ListManifestsAsync(string name, CancellationToken cancellation);
    Task<IReadOnlyList<(Digest Digest, DateTimeOffset Used)>> ListBlobLinksAsync(string name, CancellationToken cancellation);

    /// <summary>Lets go of what only stood for something elsewhere that is gone. Called before a collection.</summary>
    Task RefreshAsync(CancellationToken cancellation);

    /// <summary>Notes that a manifest was pulled; cheap, written down later.</summary>
    void NotePull(string name, Digest digest);
    /// <summary>When a manifest was last pulled, as far as is known.</summary>
    Task<DateTimeOffset?> LastPullAsync(string name, Digest digest, CancellationToken cancellation);
}

/// <summary>The specification's order of tags: case-insensitive, and by code point where that is the same. Letters count as small ones, as SQLite's nocase has it.</summary>
public sealed class TagOrder : IComparer<string>
{
    public static readonly TagOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        int length = Math.Min(x!.Length, y!.Length);
        for (int i = 0; i < length; i++)
            if (char.ToLowerInvariant(x[i]).CompareTo(char.ToLowerInvariant(y[i])) is not 0 and var order) return order;
        return x.Length != y.Length ? x.Length.CompareTo(y.Length) : string.CompareOrdinal(x, y);
    }
}
