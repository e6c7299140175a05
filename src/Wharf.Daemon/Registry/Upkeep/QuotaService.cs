using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.Upkeep;

/// <summary>
/// How much groups of repositories hold. A blob counts once for each repository that has it. What is pushed counts at once, what is deleted at the
/// next count.
/// </summary>
public sealed class QuotaService(IReadOnlyList<QuotaRule> rules)
{
    private sealed class Group(QuotaRule rule)
    {
        public readonly RepositoryPattern Repositories = new(rule.Repository);
        public readonly string Pattern = rule.Repository;
        public readonly long Limit = rule.Bytes;
        public long Used;
    }

    private readonly List<Group> _groups = [.. rules.Select(rule => new Group(rule))];

    public bool IsUsed => _groups.Count > 0;

    /// <summary>Throws DENIED when the repository may not grow by so many bytes.</summary>
    public void Check(string name, long more = 0)
    {
        foreach (var group in _groups)
        {
            long used = Interlocked.Read(ref group.Used);
            if (group.Repositories.Fits(name) && (used >= group.Limit || used + more > group.Limit))
                throw new RegistryException(RegistryErrorCode.Denied, $"quota exceeded: {group.Pattern} holds {used} of {group.Limit} bytes");
        }
    }

    public void Add(string name, long bytes)
    {
        foreach (var group in _groups) if (group.Repositories.Fits(name)) Interlocked.Add(ref group.Used, bytes);
    }

    /// <summary>Counts anew from the store.</summary>
    public async Task CountAsync(RegistryStore store, CancellationToken cancellation)
    {
        if (!IsUsed) return;
        var sums = new long[_groups.Count];
        foreach (var name in (await store.Metadata.ListRepositoriesAsync(int.MaxValue, null, _ => true, cancellation)).Names)
        {
            var groups = Enumerable.Range(0, _groups.Count).Where(i => _groups[i].Repositories.Fits(name)).ToList();
            if (groups.Count == 0) continue;
            long size = await store.SizeOfRepositoryAsync(name, cancellation);
            foreach (int i in groups) sums[i] += size;
        }
        for (int i = 0; i < sums.Length; i++) Interlocked.Exchange(ref _groups[i].Used, sums[i]);
    }
}
