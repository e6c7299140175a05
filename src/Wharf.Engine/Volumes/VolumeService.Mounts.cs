using Wharf.Linux.Mounts;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>
/// Volumes that are no plain directories are mounted on the host while containers use them, as all users are to see the same files and
/// docker shows them at their mountpoint: file systems of the local driver's options, and what plugins mount.
/// </summary>
public sealed partial class VolumeService
{
    private sealed class Mounted
    {
        public readonly HashSet<string> Users = new(StringComparer.Ordinal);
        public string Path = "";
        /// <summary>Ends when nobody uses it any more.</summary>
        public readonly TaskCompletionSource Gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static readonly TimeSpan UnmountPatience = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, Mounted> _mounted = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _mounting = new(1, 1);

    /// <summary>Makes a volume's files reachable for a user (a container's ID) and tells where. Idempotent.</summary>
    public async Task<string> MountAsync(string name, string user, CancellationToken cancellation)
    {
        var volume = Find(name) ?? throw WharfException.NotFound($"get {name}: no such volume");
        if (IsPlain(volume)) return volume.Mountpoint!;
        await _mounting.WaitAsync(cancellation);
        try
        {
            if (_mounted.TryGetValue(name, out var mounted) && mounted.Users.Count > 0 && volume.Driver == LocalDriver)
            {
                mounted.Users.Add(user);
                return mounted.Path;
            }
            var path = volume.Mountpoint!;
            if (volume.Driver == LocalDriver)
            {
                if (!IsMountPoint(path)) await Task.Run(() => LocalVolumeOptions.Mount(path, volume.Options!), cancellation);
            }
            else path = await (await RequirePluginAsync(volume.Driver!, cancellation)).MountAsync(name, user, cancellation);
            if (mounted is null) _mounted[name] = mounted = new Mounted();
            mounted.Path = path;
            mounted.Users.Add(user);
            return path;
        }
        finally { _mounting.Release(); }
    }

    /// <summary>A user needs a volume no longer; with the last of them the mount goes. Idempotent.</summary>
    public async Task UnmountAsync(string name, string user, CancellationToken cancellation)
    {
        await _mounting.WaitAsync(cancellation);
        try
        {
            if (!_mounted.TryGetValue(name, out var mounted) || !mounted.Users.Remove(user)) return;
            if (mounted.Users.Count == 0) _mounted.Remove(name);
            try
            {
                if (Find(name) is not { } volume) return;
                if (volume.Driver != LocalDriver) await (await RequirePluginAsync(volume.Driver!, cancellation)).UnmountAsync(name, user, cancellation);
                else if (mounted.Users.Count == 0) await Task.Run(() => LocalVolumeOptions.Unmount(volume.Mountpoint!), cancellation);
            }
            finally
            {
                if (mounted.Users.Count == 0) mounted.Gone.SetResult();
            }
        }
        finally { _mounting.Release(); }
    }

    /// <summary>A container that is gone may be letting go of a volume still: that is waited for before the volume is said to be mounted.</summary>
    private async Task AwaitUnmountAsync(string name, CancellationToken cancellation)
    {
        Task gone;
        await _mounting.WaitAsync(cancellation);
        try { gone = _mounted.TryGetValue(name, out var mounted) ? mounted.Gone.Task : Task.CompletedTask; }
        finally { _mounting.Release(); }
        try { await gone.WaitAsync(UnmountPatience, cancellation); }
        catch (TimeoutException) { /* somebody uses it: the caller finds that out */ }
    }

    /// <summary>After a restart of the daemon: a container still runs that uses a volume.</summary>
    public void AdoptMount(string name, string user)
    {
        if (Find(name) is not { } volume || IsPlain(volume)) return;
        if (!_mounted.TryGetValue(name, out var mounted)) _mounted[name] = mounted = new Mounted { Path = volume.Mountpoint! };
        mounted.Users.Add(user);
    }

    /// <summary>Mounts that a former daemon left and nobody uses. Called when all running containers have been adopted.</summary>
    public void ReleaseUnused()
    {
        foreach (var volume in List())
            if (volume.Driver == LocalDriver && !IsPlain(volume) && !_mounted.ContainsKey(volume.Name!) && IsMountPoint(volume.Mountpoint!)) LocalVolumeOptions.Unmount(volume.Mountpoint!);
    }

    private static bool IsPlain(Volume volume) => volume.Driver == LocalDriver && !LocalVolumeOptions.NeedMount(volume.Options);

    private static bool IsMountPoint(string path) => MountInfo.All().Any(mount => mount.Place == path);

    private async Task<Plugins.VolumePlugin> RequirePluginAsync(string driver, CancellationToken cancellation) =>
        await _plugins.FindAsync(driver, cancellation) ?? throw WharfException.NotFound($"error looking up volume plugin {driver}: plugin \"{driver}\" not found");
}
