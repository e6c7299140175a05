using System.Security.Cryptography;
using System.Text;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// The datasets that this data root has made. Each has an empty file in <c>snapshots/datasets</c>, from before it is made until after it is gone, and a name that tells which file says whose it is. A
/// dataset that is not named there, because a daemon was killed or another dataset stood on it, goes at the next start or when the other one goes.
/// </summary>
internal sealed class OwnedDatasets(string path)
{
    private const string TheSnapshot = "@wharf";
    private static readonly TimeSpan[] Patience = [.. new[] { 10, 50, 200, 1000 }.Select(static wait => TimeSpan.FromMilliseconds(wait))];

    private readonly string _list = path + "/datasets";
    private readonly Lock _lock = new();
    private readonly HashSet<string> _beingMade = new(StringComparer.Ordinal);

    /// <summary>A dataset that <see cref="Collect"/> leaves alone until this is disposed; by then its file is there, or it is nobody's.</summary>
    public sealed class NewDataset(OwnedDatasets datasets, string name) : IDisposable
    {
        public string Name => name;

        public void Dispose()
        {
            lock (datasets._lock) datasets._beingMade.Remove(name);
        }
    }

    /// <summary>The dataset below which all of them lie: that of the data root.</summary>
    private string Parent => field ??= ZfsDatasets.Of(path) ?? throw new IOException($"{path} is on no dataset of ZFS");

    /// <summary>
    /// Makes one, of the snapshot of another or empty, for a numbered directory. It is that one's when a file there, which is named after the <paramref name="role"/>
    /// (<see cref="FileOf"/>), says so.
    /// </summary>
    public NewDataset Make(string? origin, string directory, string role, long? size)
    {
        ZfsDatasets.Open();
        // Several data roots may lie on one dataset.
        var root = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..8];
        var name = $"wharf-{root}-{Path.GetFileName(directory)}-{role}-{Guid.NewGuid().ToString("n")[..8]}";
        lock (_lock) _beingMade.Add(name);
        var made = new NewDataset(this, name);
        try
        {
            Directory.CreateDirectory(_list);
            File.WriteAllBytes($"{_list}/{name}", []);
            if (origin is null) ZfsDatasets.Create(FullName(name), size);
            else ZfsDatasets.Clone(FullName(origin) + TheSnapshot, FullName(name), size);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>The file in a numbered directory whose first line is the name of its dataset.</summary>
    public static string FileOf(string directory, string role) => $"{directory}/{role}.dataset";

    /// <summary>From here on others can be made of it.</summary>
    public void Finish(string name) => ZfsDatasets.Snapshot(FullName(name) + TheSnapshot);

    public void Mount(string name, string directory)
    {
        ZfsDatasets.Open();
        ZfsDatasets.Mount(FullName(name), directory);
    }

    /// <summary>Removes those that belong to nobody. One that others stand on stays until they are gone; one that a container which is ending has mounted is waited for.</summary>
    public void Collect()
    {
        if (!Directory.Exists(_list)) return;
        lock (_lock)
        {
            var left = Directory.GetFiles(_list).Where(file => !_beingMade.Contains(Path.GetFileName(file)) && !IsOwned(Path.GetFileName(file))).ToList();
            if (left.Count == 0) return;
            ZfsDatasets.Open();
            foreach (var wait in Patience)
            {
                // Each that goes may set others free.
                while (left.RemoveAll(TryDestroy) > 0) { }
                if (!left.Exists(file => IsBusy(FullName(Path.GetFileName(file))))) return;
                Thread.Sleep(wait);
            }
        }
    }

    private bool IsOwned(string name)
    {
        if (name.Split('-') is not [_, _, var number, var role, _]) return true;
        var owner = FileOf($"{path}/{number}", role);
        return File.Exists(owner) && File.ReadLines(owner).FirstOrDefault() == name;
    }

    private bool TryDestroy(string file)
    {
        var name = FullName(Path.GetFileName(file));
        foreach (var mount in MountInfo.All().Where(mount => mount.Source == name).ToList()) _ = Libc.umount2(mount.Place, MountFlags.UMOUNT_NOFOLLOW);
        int error = ZfsDatasets.DestroySnapshot(name + TheSnapshot);
        if (error == 0) error = ZfsDatasets.Destroy(name);
        if (error is not (0 or Errno.ENOENT)) return false;
        File.Delete(file);
        return true;
    }

    /// <summary>Whether nothing stands on one, and yet it does not go.</summary>
    private static bool IsBusy(string name) => ZfsDatasets.DestroySnapshot(name + TheSnapshot) == 0 && ZfsDatasets.Destroy(name) == Errno.EBUSY;

    private string FullName(string name) => $"{Parent}/{name}";
}
