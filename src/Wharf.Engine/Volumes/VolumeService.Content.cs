using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>What is in volumes: filled from images, and copied, moved, saved and restored as wholes (these are Wharf's own).</summary>
public sealed partial class VolumeService
{
    private const string SnapshotLabel = "wharf.volume.snapshot-of";

    /// <summary>Fills a volume that is still empty from the image's content at the mount point, owners and xattrs kept.</summary>
    public async Task CopyUpAsync(string volume, Fd imageRoot, string path, CancellationToken cancellation)
    {
        using var source = OpenAt.TryInRoot(imageRoot, path, O.RDONLY | O.DIRECTORY, 0, Resolve.None, out _);
        if (source is null) return;
        var user = "copy-up " + Guid.NewGuid().ToString("N");
        var target = await MountAsync(volume, user, cancellation);
        try
        {
            if (Directory.EnumerateFileSystemEntries(target).Any()) return;
            await CopyAsync(source, target, cancellation);
        }
        finally { await UnmountAsync(volume, user, CancellationToken.None); }
    }

    private static async Task CopyAsync(Fd source, string target, CancellationToken cancellation)
    {
        using var root = OpenAt.Open(target, O.RDONLY | O.DIRECTORY);
        await Piped.RunAsync(output => ArchiveService.WriteRootAsync(source, output, cancellation), tar => ArchiveService.ExtractAsync(root, "/", tar, new ArchiveExtractOptions { CopyUidGid = true }, cancellation));
        var stat = FileStat.Of(source);
        SyscallException.Check(Libc.fchown(root.Value, stat.Uid, stat.Gid), "fchown", target);
        SyscallException.Check(Libc.fchmod(root.Value, stat.Mode & 0xFFF), "fchmod", target);
    }

    /// <summary>Writes a volume's content as a tar, in use or not.</summary>
    public async Task ExportAsync(string name, Stream output, CancellationToken cancellation)
    {
        var user = "export " + Guid.NewGuid().ToString("N");
        var path = await MountAsync(name, user, cancellation);
        try
        {
            using var root = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
            await ArchiveService.WriteRootAsync(root, output, cancellation);
        }
        finally { await UnmountAsync(name, user, CancellationToken.None); }
    }

    /// <summary>Adds a tar's content to a volume, which is made when it is not there.</summary>
    public async Task ImportAsync(string name, Stream tar, CancellationToken cancellation)
    {
        await CreateAsync(new VolumeCreateOptions { Name = name }, cancellation);
        var user = "import " + Guid.NewGuid().ToString("N");
        var path = await MountAsync(name, user, cancellation);
        try
        {
            using var root = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
            await ArchiveService.ExtractAsync(root, "/", tar, new ArchiveExtractOptions { CopyUidGid = true }, cancellation);
        }
        finally { await UnmountAsync(name, user, CancellationToken.None); }
    }

    /// <summary>A new volume with another one's content; Conflict where the name is taken. On failure the new one is gone again.</summary>
    public async Task<Volume> CopyAsync(string name, string target, bool snapshot, CancellationToken cancellation)
    {
        var from = await GetAsync(name, cancellation);
        if (Find(target) is not null) throw WharfException.Conflict($"volume {target} already exists");
        var labels = new Dictionary<string, string>(from.Labels ?? []);
        labels.Remove(AnonymousLabel);
        if (snapshot) labels[SnapshotLabel] = name;
        var made = await CreateAsync(new VolumeCreateOptions { Name = target, Labels = labels.Count > 0 ? labels : null }, cancellation);
        var user = "copy " + Guid.NewGuid().ToString("N");
        try
        {
            var path = await MountAsync(name, user, cancellation);
            try
            {
                using var source = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
                await CopyAsync(source, made.Mountpoint!, cancellation);
            }
            finally { await UnmountAsync(name, user, CancellationToken.None); }
            return made;
        }
        catch
        {
            await RemoveAsync(target, force: true, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Gives a volume of the local driver another name; Conflict while a container uses it.</summary>
    public Volume Rename(string name, string target)
    {
        CheckName(target);
        lock (_lock)
        {
            var volume = Find(name) ?? throw WharfException.NotFound($"get {name}: no such volume");
            if (volume.Driver != LocalDriver) throw WharfException.Invalid($"volume {name} belongs to the driver {volume.Driver}, which cannot rename");
            if (Find(target) is not null) throw WharfException.Conflict($"volume {target} already exists");
            RequireUnused(name, volume, "rename");
            var renamed = volume with { Name = target, Mountpoint = MountpointOf(target) };
            // Noted first: should we die in between, the next daemon knows whose directory it finds (FinishRenames).
            _state.Execute("insert into volume_rename values($1, $2)", name, target);
            try { Directory.Move(Path.Combine(_root, name), Path.Combine(_root, target)); }
            catch
            {
                _state.Execute("delete from volume_rename where old = $1", name);
                throw;
            }
            _state.Write((connection, transaction) =>
            {
                foreach (var (sql, values) in (ReadOnlySpan<(string, object?[])>)[("delete from volume where name = $1", [name]), ("insert into volume values($1, $2)", [target, Serialize(renamed)]), ("delete from volume_rename where old = $1", [name])])
                {
                    using var command = State.StateStore.Prepare(connection, sql, values, transaction);
                    command.ExecuteNonQuery();
                }
                return true;
            });
            _events.Publish("volume", "rename", target, new Dictionary<string, string> { ["driver"] = LocalDriver, ["oldName"] = name });
            return renamed;
        }
    }

    /// <summary>Renames that a daemon did not get to the end of are undone.</summary>
    private void FinishRenames()
    {
        foreach (var (old, target) in _state.Query("select old, new from volume_rename", row => (row.GetString(0), row.GetString(1))))
        {
            if (Find(old) is not null && !Directory.Exists(Path.Combine(_root, old))) Directory.Move(Path.Combine(_root, target), Path.Combine(_root, old));
            _state.Execute("delete from volume_rename where old = $1", old);
        }
    }
}
