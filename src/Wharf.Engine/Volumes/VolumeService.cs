using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Engine.Events;
using Wharf.Engine.State;
using Wharf.Engine.Volumes.Plugins;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Named and anonymous volumes, of the local driver or of plugins. A volume in use by a container cannot be removed (409).</summary>
public sealed partial class VolumeService : IDisposable
{
    private const string AnonymousLabel = "com.docker.volume.anonymous", LocalDriver = "local";
    private readonly StateStore _state;
    private readonly EventService _events;
    private readonly VolumePlugins _plugins = new();
    private readonly DirectoryQuotas _quotas;
    private readonly string _root;
    private readonly Lock _lock = new();

    public VolumeService(DaemonOptions options, StateStore state, EventService events)
    {
        (_state, _events, _root) = (state, events, Path.Combine(options.DataRoot, "volumes"));
        Directory.CreateDirectory(_root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute | UnixFileMode.GroupExecute);
        _quotas = new DirectoryQuotas(_root);
        state.EnsureSchema("""
            create table if not exists volume(name text primary key, document text not null) without rowid, strict;
            create table if not exists volume_use(volume text not null, container text not null, primary key(volume, container)) without rowid, strict;
            create table if not exists volume_rename(old text primary key, new text not null) without rowid, strict;
            """);
        FinishRenames();
        // What a killed daemon made a directory for and did not write down, or wrote off and did not delete, is nobody's.
        var known = state.Query("select name from volume", row => row.GetString(0)).ToHashSet(StringComparer.Ordinal);
        foreach (var directory in Directory.GetDirectories(_root)) if (!known.Contains(Path.GetFileName(directory))) DeleteDirectory(directory);
    }

    /// <summary>Creates a volume, or gives the existing one of that name; a null name makes an anonymous one (64 hex digits).</summary>
    public async Task<Volume> CreateAsync(VolumeCreateOptions options, CancellationToken cancellation)
    {
        bool anonymous = string.IsNullOrEmpty(options.Name);
        var name = anonymous ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) : options.Name!;
        var driver = options.Driver is { Length: > 0 } given ? given : null;
        var plugin = driver is null or LocalDriver ? null
            : await _plugins.FindAsync(driver, cancellation) ?? throw WharfException.NotFound($"create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found");
        if ((anonymous ? null : driver is null ? await FindAnywhereAsync(name, cancellation) : Find(name)) is { } known) return SameDriver(known, driver);
        var labels = anonymous ? new(options.Labels ?? []) { [AnonymousLabel] = "" } : options.Labels;
        var volume = new Volume
        {
            Name = name, Driver = driver ?? LocalDriver, Mountpoint = MountpointOf(name), Scope = plugin?.Scope ?? "local", Options = options.DriverOpts, Labels = labels,
            CreatedAt = DateTimeOffset.UtcNow.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        };
        if (plugin is null)
        {
            CheckName(name);
            LocalVolumeOptions.Check(name, options.DriverOpts, () => _quotas.IsOn);
        }
        else
        {
            await plugin.CreateAsync(name, options.DriverOpts, cancellation);
            volume.Mountpoint = (await plugin.GetAsync(name, cancellation))?.Mountpoint ?? "";
        }
        lock (_lock)
        {
            if (Find(name) is { } existing) return SameDriver(existing, driver);
            if (plugin is null) MakeDirectory(volume);
            _state.Execute("insert into volume values($1, $2)", name, Serialize(volume));
        }
        _events.Publish("volume", "create", name, new Dictionary<string, string> { ["driver"] = volume.Driver });
        return volume;
    }

    private void MakeDirectory(Volume volume)
    {
        Directory.CreateDirectory(volume.Mountpoint!);
        if (LocalVolumeOptions.SizeOf(volume.Options) is not (> 0 and var size) || !IsPlain(volume)) return;
        try { _quotas.Set(volume.Mountpoint!, size); }
        catch
        {
            DeleteDirectory(Path.Combine(_root, volume.Name!));
            throw;
        }
    }

    private static Volume SameDriver(Volume existing, string? driver) =>
        driver is null || driver == existing.Driver ? existing : throw WharfException.Conflict($"create {existing.Name}: conflict: volume name must be unique");

    private void CheckName(string name)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(name) == 1) throw WharfException.Invalid($"create {name}: volume name is too short, names should be at least two alphanumeric characters");
        if (!NamePattern().IsMatch(name))
            throw WharfException.Invalid($"create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path");
        // NAME_MAX of linux/limits.h; the pattern leaves one byte a character.
        if (name.Length > 255) throw WharfException.Invalid($"create {name}: error while creating volume root path '{Path.Combine(_root, name)}': mkdir {Path.Combine(_root, name)}: file name too long");
    }

    /// <summary>NotFound <c>get NAME: no such volume</c>. A plugin is asked for what it says of its volume.</summary>
    public async Task<Volume> GetAsync(string name, CancellationToken cancellation)
    {
        var volume = await FindAnywhereAsync(name, cancellation) ?? throw WharfException.NotFound($"get {name}: no such volume");
        if (volume.Driver == LocalDriver) return volume;
        if (await _plugins.FindAsync(volume.Driver!, cancellation) is not { } plugin) return volume; // it is not running: what is known is told
        var told = await plugin.GetAsync(name, cancellation) ?? throw WharfException.NotFound($"get {name}: no such volume");
        return volume with { Mountpoint = told.Mountpoint ?? "", Status = told.Status, CreatedAt = told.CreatedAt is { Length: > 0 } created ? created : volume.CreatedAt };
    }

    private string MountpointOf(string name) => Path.Combine(_root, name, "_data");
    private Volume? Find(string name) => _state.Query("select document from volume where name = $1", row => Parse(row.GetString(0)), name) is [var volume, ..] ? volume : null;

    private Volume Parse(string json)
    {
        var volume = JsonSerializer.Deserialize(json, DockerApiJson.Default.Volume)!;
        // Where it lies follows from where the data root lies, which may have moved.
        return volume.Driver == LocalDriver ? volume with { Mountpoint = MountpointOf(volume.Name!) } : volume;
    }

    /// <summary>Puts mounts of local volumes where these lie now.</summary>
    public void Locate(IEnumerable<MountPoint> mounts)
    {
        foreach (var mount in mounts)
            if (mount is { Type: "volume", Driver: LocalDriver, Name.Length: > 0 }) mount.Source = MountpointOf(mount.Name);
    }

    private static string Serialize(Volume volume) => JsonSerializer.Serialize(volume, DockerApiJson.Default.Volume);

    public List<Volume> List() => _state.Query("select document from volume order by name", row => Parse(row.GetString(0)));

    /// <summary>Names of the drivers that can be used now.</summary>
    public IReadOnlyList<string> Drivers => [LocalDriver, .. _plugins.Names];

    /// <summary>IDs of the containers that use a volume.</summary>
    public List<string> UsersOf(string volume) => _state.Query("select container from volume_use where volume = $1", row => row.GetString(0), volume);

    /// <summary>Notes that a container uses the volume, or no longer does. Durable, idempotent.</summary>
    public void AddReference(string volume, string containerId) => _state.Execute("insert into volume_use values($1, $2) on conflict do nothing", volume, containerId);
    public void RemoveReferences(string containerId) => _state.Execute("delete from volume_use where container = $1", containerId);

    /// <summary>Removes a volume; Conflict while a container uses it. With <paramref name="force"/> one that is not there is no error, nor that a plugin fails.</summary>
    public async Task RemoveAsync(string name, bool force, CancellationToken cancellation)
    {
        if (await FindAnywhereAsync(name, cancellation) is not { } volume)
        {
            if (force) return;
            throw WharfException.NotFound($"get {name}: no such volume");
        }
        if (!IsPlain(volume) && UsersOf(name).Count == 0) await AwaitUnmountAsync(name, cancellation);
        if (volume.Driver != LocalDriver)
        {
            RequireUnused(name, volume, "remove");
            try { await (await RequirePluginAsync(volume.Driver!, cancellation)).RemoveAsync(name, cancellation); }
            catch (WharfException error) when (!force) { throw new WharfException(error.Kind, $"remove {name}: {error.Message}", error); }
            catch (WharfException) { /* forced: the plugin may be gone for good */ }
        }
        lock (_lock)
        {
            if (Find(name) is null) return; // another request was quicker
            RequireUnused(name, volume, "remove");
            _state.Execute("delete from volume where name = $1", name);
            if (volume.Driver == LocalDriver) DeleteDirectory(Path.Combine(_root, name));
        }
        _events.Publish("volume", "destroy", name, new Dictionary<string, string> { ["driver"] = volume.Driver! });
    }

    private void RequireUnused(string name, Volume volume, string verb)
    {
        if (UsersOf(name) is { Count: > 0 } users) throw WharfException.Conflict($"{verb} {name}: volume is in use - [{string.Join(", ", users)}]");
        if (!IsPlain(volume) && _mounted.ContainsKey(name)) throw WharfException.Conflict($"{verb} {name}: volume is mounted");
    }

    /// <summary>What is mounted in a volume's directory is not the volume's: it must never be deleted with it.</summary>
    private void DeleteDirectory(string directory)
    {
        var data = Path.Combine(directory, "_data");
        while (IsMountPoint(data)) LocalVolumeOptions.Unmount(data);
        _quotas.Free(data);
        Archive.TreeRemoval.Remove(directory);
    }

    /// <summary>With a container's removal (<c>-v</c>): removes those of its anonymous volumes that nothing else uses.</summary>
    public async Task RemoveAnonymousAsync(IEnumerable<string> names, CancellationToken cancellation)
    {
        foreach (var name in names)
            if (Find(name) is { } volume && IsAnonymous(volume) && UsersOf(name).Count == 0) await RemoveAsync(name, force: true, cancellation);
    }

    /// <summary>Removes volumes no container uses: anonymous ones, or with <paramref name="all"/> named ones too. Returns names and bytes freed.</summary>
    public async Task<(List<string> Names, long Bytes)> PruneAsync(bool all, Func<Volume, bool> matches, CancellationToken cancellation)
    {
        var removed = new List<string>();
        long bytes = 0;
        foreach (var volume in List().Where(volume => (all || IsAnonymous(volume)) && matches(volume) && UsersOf(volume.Name!).Count == 0))
        {
            long size = SizeOf(volume);
            try { await RemoveAsync(volume.Name!, force: true, cancellation); }
            catch (WharfException error) when (error.Kind == ErrorKind.Conflict) { continue; } // a container took it a moment ago
            bytes += Math.Max(size, 0);
            removed.Add(volume.Name!);
        }
        _events.Publish("volume", "prune", "", new Dictionary<string, string> { ["reclaimed"] = bytes.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        return (removed, bytes);
    }

    private static bool IsAnonymous(Volume volume) => volume.Labels?.ContainsKey(AnonymousLabel) == true;

    /// <summary>Bytes of the files in a volume; links are not followed. -1 where that is not ours to say.</summary>
    public static long SizeOf(Volume volume) => volume.Driver != LocalDriver || !Directory.Exists(volume.Mountpoint) ? -1 : Archive.TreeSize.Of(volume.Mountpoint);

    public void Dispose()
    {
        _plugins.Dispose();
        _mounting.Dispose();
    }

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9_.-]+\z", RegexOptions.CultureInvariant)] private static partial Regex NamePattern();
}
