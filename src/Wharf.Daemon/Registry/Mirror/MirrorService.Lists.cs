using Wharf.Daemon.Registry.Http;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Mirror;

/// <summary>What an upstream lists, beside what of it is here.</summary>
public sealed partial class MirrorService
{
    private readonly ListCache<string> _tags = new();
    private readonly ListCache<Descriptor> _referrers = new();

    /// <summary>The repository meant by a client that tells the registry's host beside the path ("ns"); null when no upstream is that one.</summary>
    public string? NameFor(string host, string name)
    {
        if (name == "") return null;
        foreach (var upstream in _upstreams)
            if (upstream.Prefix == host || upstream.Domain == host || host == "docker.io" && upstream.Domain is "registry-1.docker.io" or "index.docker.io") return upstream.LocalName(name);
        return null;
    }

    /// <summary>The upstream's tags; null when the repository is no upstream's, or unknown there, or was never heard of while it does not answer.</summary>
    public Task<IReadOnlyList<string>?> TagsAsync(string name, CancellationToken cancellation) =>
        ListAsync(_tags, name, name, async (client, token) => [.. (await client.TagsAsync(token)).Where(RegistryRoute.IsValidTag)], cancellation);

    /// <summary>What refers to a manifest at the upstream; null as above.</summary>
    public Task<IReadOnlyList<Descriptor>?> ReferrersAsync(string name, Digest subject, CancellationToken cancellation) =>
        ListAsync(_referrers, name, $"{name}@{subject}", (client, token) => client.ReferrersAsync(subject, null, token), cancellation);

    private async Task<IReadOnlyList<T>?> ListAsync<T>(ListCache<T> cache, string name, string key, Func<RemoteRepository, CancellationToken, Task<List<T>>> ask, CancellationToken cancellation)
    {
        if (Find(name) is not var (upstream, remote)) return null;
        if (cache.Find(key, upstream.Ttl) is { } fresh) return fresh;
        try
        {
            await OnceAsync("list " + key, async token =>
            {
                using var client = Connect(upstream, remote);
                cache.Set(key, await ask(client, token));
            }).WaitAsync(cancellation);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return null; }
        catch (Exception error) when (!cancellation.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException or WharfException) { Failed(upstream, name, error); }
        // An old list is better than none.
        return cache.Find(key, TimeSpan.MaxValue);
    }

    /// <summary>Lists asked for lately, so many entries at most in all of them.</summary>
    private sealed class ListCache<T>
    {
        private const int MaxEntries = 200_000, MaxLists = 1000;
        private readonly Lock _lock = new();
        private readonly Dictionary<string, (DateTimeOffset At, IReadOnlyList<T> Items)> _lists = new(StringComparer.Ordinal);
        private int _entries;

        public IReadOnlyList<T>? Find(string key, TimeSpan age)
        {
            lock (_lock) return _lists.TryGetValue(key, out var list) && DateTimeOffset.UtcNow - list.At < age ? list.Items : null;
        }

        public void Set(string key, IReadOnlyList<T> items)
        {
            lock (_lock)
            {
                if (_lists.Remove(key, out var before)) _entries -= before.Items.Count;
                if (_lists.Count >= MaxLists || _entries + items.Count > MaxEntries)
                {
                    _lists.Clear();
                    _entries = 0;
                }
                _lists[key] = (DateTimeOffset.UtcNow, items);
                _entries += items.Count;
            }
        }
    }
}
