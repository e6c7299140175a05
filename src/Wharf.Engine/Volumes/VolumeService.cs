using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Engine.Archive;
using Wharf.Engine.Events;
using Wharf.Engine.State;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Named and anonymous volumes of the local driver. A volume in use by a container cannot be removed (409).</summary>
public sealed partial class VolumeService
{
    private const string AnonymousLabel = "com.docker.volume.anonymous";
    private readonly StateStore _state;
    private readonly EventService _events;
    private readonly string _root;
    private readonly Lock _lock = new();

    public VolumeService(DaemonOptions options, StateStore state, EventService events)
    {
        (_state, _events, _root) = (state, events, Path.Combine(options.DataRoot, "volumes"));
        Directory.CreateDirectory(_root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute | UnixFileMode.GroupExecute);
        state.EnsureSchema("""
            create table if not exists volume(name text primary key, document text not null) without rowid, strict;
            create table if not exists volume_use(volume text not null, container text not null, primary key(volume, container)) without rowid, strict;
            """);
        // What a killed daemon made a directory for and did not write down, or wrote off and did not delete, is nobody's.
        var known = state.Query("select name from volume", row => row.GetString(0)).ToHashSet(StringComparer.Ordinal);
        foreach (var directory in Directory.GetDirectories(_root)) if (!known.Contains(Path.GetFileName(directory))) Directory.Delete(directory, recursive: true);
    }

    /// <summary>Creates a volume, or gives the existing one of that name; a null name makes an anonymous one (64 hex digits).</summary>
    public Task<Volume> CreateAsync(VolumeCreateOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (options.Driver is not (null or "" or "local")) throw WharfException.NotFound($"error looking up volume plugin {options.Driver}: plugin \"{options.Driver}\" not found");
        if (options.DriverOpts is { Count: > 0 }) throw WharfException.NotImplemented($"options of the local volume driver are not supported: {string.Join(", ", options.DriverOpts.Keys)}");
        bool anonymous = string.IsNullOrEmpty(options.Name);
        var name = anonymous ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) : options.Name!;
        if (!NamePattern().IsMatch(name))
            throw WharfException.Invalid($"create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path");
        lock (_lock)
        {
            if (Find(name) is { } existing) return Task.FromResult(existing);
            var volume = new Volume
            {
                Name = name, Driver = "local", Mountpoint = Path.Combine(_root, name, "_data"), Scope = "local", Options = null,
                CreatedAt = DateTimeOffset.UtcNow.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
                Labels = anonymous ? new(options.Labels ?? []) { [AnonymousLabel] = "" } : options.Labels,
            };
            Directory.CreateDirectory(volume.Mountpoint);
            _state.Execute("insert into volume values($1, $2)", name, JsonSerializer.Serialize(volume, DockerApiJson.Default.Volume));
            _events.Publish("volume", "create", name, new Dictionary<string, string> { ["driver"] = "local" });
            return Task.FromResult(volume);
        }
    }

    /// <summary>NotFound <c>get NAME: no such volume</c>.</summary>
    public Task<Volume> GetAsync(string name, CancellationToken cancellation) =>
        Task.FromResult(Find(name) ?? throw WharfException.NotFound($"get {name}: no such volume"));

    private Volume? Find(string name) => _state.Query("select document from volume where name = $1", row => Parse(row.GetString(0)), name) is [var volume, ..] ? volume : null;
    private static Volume Parse(string json) => JsonSerializer.Deserialize(json, DockerApiJson.Default.Volume)!;

    public List<Volume> List() => _state.Query("select document from volume order by name", row => Parse(row.GetString(0)));

    /// <summary>IDs of the containers that use a volume.</summary>
    public List<string> UsersOf(string volume) => _state.Query("select container from volume_use where volume = $1", row => row.GetString(0), volume);

    /// <summary>Notes that a container uses the volume, or no longer does. Durable, idempotent.</summary>
    public void AddReference(string volume, string containerId) => _state.Execute("insert into volume_use values($1, $2) on conflict do nothing", volume, containerId);
    public void RemoveReferences(string containerId) => _state.Execute("delete from volume_use where container = $1", containerId);

    /// <summary>Removes a volume; Conflict while a container uses it.</summary>
    public void Remove(string name, bool force)
    {
        lock (_lock)
        {
            if (Find(name) is null)
            {
                if (force) return;
                throw WharfException.NotFound($"get {name}: no such volume");
            }
            if (UsersOf(name) is { Count: > 0 } users) throw WharfException.Conflict($"remove {name}: volume is in use - [{string.Join(", ", users)}]");
            _state.Execute("delete from volume where name = $1", name);
            Directory.Delete(Path.Combine(_root, name), recursive: true);
        }
        _events.Publish("volume", "destroy", name, new Dictionary<string, string> { ["driver"] = "local" });
    }

    /// <summary>With a container's removal (<c>-v</c>): removes those of its anonymous volumes that nothing else uses.</summary>
    public Task RemoveAnonymousAsync(IEnumerable<string> names, CancellationToken cancellation)
    {
        foreach (var name in names)
        {
            cancellation.ThrowIfCancellationRequested();
            if (Find(name) is { } volume && IsAnonymous(volume) && UsersOf(name).Count == 0) Remove(name, force: true);
        }
        return Task.CompletedTask;
    }

    /// <summary>Removes volumes no container uses: anonymous ones, or with <paramref name="all"/> named ones too. Returns names and bytes freed.</summary>
    public (List<string> Names, long Bytes) Prune(bool all, Func<Volume, bool> matches)
    {
        var removed = new List<string>();
        long bytes = 0;
        foreach (var volume in List().Where(volume => (all || IsAnonymous(volume)) && matches(volume) && UsersOf(volume.Name!).Count == 0))
        {
            bytes += SizeOf(volume);
            Remove(volume.Name!, force: true);
            removed.Add(volume.Name!);
        }
        return (removed, bytes);
    }

    private static bool IsAnonymous(Volume volume) => volume.Labels?.ContainsKey(AnonymousLabel) == true;

    /// <summary>Bytes of the files in a volume; links are not followed.</summary>
    public static long SizeOf(Volume volume) => new DirectoryInfo(volume.Mountpoint!).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = true })
        .Where(file => file.LinkTarget is null).Sum(file => file.Length);

    /// <summary>Fills a volume that is still empty from the image's content at the mount point, owners and xattrs kept.</summary>
    public async Task CopyUpAsync(string volume, Fd imageRoot, string path, CancellationToken cancellation)
    {
        var target = (await GetAsync(volume, cancellation)).Mountpoint!;
        if (Directory.EnumerateFileSystemEntries(target).Any()) return;
        using var source = OpenAt.TryInRoot(imageRoot, path, O.RDONLY | O.DIRECTORY, 0, Resolve.None, out _);
        if (source is null) return;
        using var root = OpenAt.Open(target, O.RDONLY | O.DIRECTORY);
        var pipe = new Pipe();
        var writing = WriteAsync(source, pipe.Writer, cancellation);
        await ArchiveService.ExtractAsync(root, "/", pipe.Reader.AsStream(), new ArchiveExtractOptions { CopyUidGid = true }, cancellation);
        await writing;
        var stat = FileStat.Of(source);
        SyscallException.Check(Libc.fchown(root.Value, stat.Uid, stat.Gid), "fchown", target);
        SyscallException.Check(Libc.fchmod(root.Value, stat.Mode & 0xFFF), "fchmod", target);
    }

    private static async Task WriteAsync(Fd source, PipeWriter writer, CancellationToken cancellation)
    {
        try
        {
            await using (var stream = writer.AsStream(leaveOpen: true)) await ArchiveService.WriteRootAsync(source, stream, cancellation);
            await writer.CompleteAsync();
        }
        catch (Exception error)
        {
            await writer.CompleteAsync(error);
            throw;
        }
    }

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9_.-]+\z", RegexOptions.CultureInvariant)] private static partial Regex NamePattern();
}
