using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>A daemon with <c>storage-driver zfs</c>: by itself, as <c>./dev vm zfs</c> runs it where others of <see cref="StorageDriverTests"/> cannot be.</summary>
public sealed class ZfsDriverTests
{
    [Fact]
    public Task Containers_builds_diffs_and_commits_work() => StorageDriverTests.WorkAsync("zfs", """[["Zpool","POOL"],["Parent Dataset","POOL"]]""");
}
