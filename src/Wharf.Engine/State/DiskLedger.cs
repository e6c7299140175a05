using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.State;

/// <summary>
/// Every byte below the data root as the file system counts it (blocks, each file once), by what it is for. The sum is du's; on btrfs, where files share
/// their data, it is that of <c>btrfs filesystem du</c>: each block once, for what came first.
/// </summary>
public static class DiskLedger
{
    private const int BlockSize = 512, MaxDepth = 2048;

    /// <summary><paramref name="useOf"/> names the use of a path relative to the root; null goes one level deeper for <c>snapshots</c>.</summary>
    public static List<DiskLedgerEntry> Read(string root, Func<string, string> useOf, CancellationToken cancellation)
    {
        var entries = new Dictionary<string, DiskLedgerEntry>(StringComparer.Ordinal);
        var seen = new HashSet<(uint, uint, ulong)>();
        using var directory = OpenAt.Open(root, O.RDONLY | O.DIRECTORY);
        var shared = FileSystemType.IsBtrfs(directory) ? new SharedBlocks() : null;
        var self = FileStat.Of(directory);
        Count(self, "other", directory.Value, []);
        Walk(directory, "", 0);
        foreach (var (use, bytes) in shared?.BytesByUse() ?? []) Entry(use).Bytes += bytes;
        return [.. entries.Values.OrderByDescending(entry => entry.Bytes)];

        DiskLedgerEntry Entry(string use)
        {
            if (!entries.TryGetValue(use, out var entry)) entries[use] = entry = new DiskLedgerEntry { Use = use };
            return entry;
        }

        void Count(in FileStat stat, string use, int at, byte[] name)
        {
            if (!stat.IsDirectory && stat.Links > 1 && !seen.Add((stat.DeviceMajor, stat.DeviceMinor, stat.Inode))) return;
            var entry = Entry(use);
            entry.Bytes += shared is null ? stat.Blocks * BlockSize : stat.IsRegular ? shared.Add(at, name, use) : 0;
            entry.Files++;
        }

        void Walk(Fd at, string prefix, int depth)
        {
            cancellation.ThrowIfCancellationRequested();
            if (depth > MaxDepth) return;
            // Numbered directories by their numbers: layers before the containers that stand on them.
            foreach (var name in DirectoryEntries.Read(at.Value).OrderBy(static name => name.Length))
            {
                // It may go while we look.
                if (FileAt.Stat(at.Value, name, out var stat) < 0) continue;
                // What is mounted here, a layer's image, lies below the root as a file.
                if (stat.MountId != self.MountId) continue;
                var path = depth < 3 ? prefix + Encoding.UTF8.GetString(name) : prefix;
                Count(stat, useOf(path), at.Value, name);
                if (!stat.IsDirectory) continue;
                int fd = FileAt.Open(at.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
                if (fd < 0) continue;
                using var child = new Fd(fd);
                Walk(child, depth < 2 ? path + "/" : path, depth + 1);
            }
        }
    }
}
