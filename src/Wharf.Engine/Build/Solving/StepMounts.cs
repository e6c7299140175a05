using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Build.Solving;

/// <summary>A <c>RUN --mount</c> and the layers of the step or image it shows; null for a context.</summary>
public readonly record struct StepMount(RunMount Mount, NodeResult? From);

/// <summary>What <c>RUN --mount</c> asks for, as mounts of the step's container; disposing gives back caches and removes secrets.</summary>
internal sealed class StepMounts : IDisposable
{
    private readonly List<IDisposable> _held = [];
    private readonly List<string> _files = [];
    private readonly BuildParts _parts;
    private readonly string _directory;

    private StepMounts(BuildParts parts)
    {
        _parts = parts;
        _directory = Path.Combine(parts.RunDirectory, Guid.NewGuid().ToString("n"));
    }

    public List<Mount> Mounts { get; } = [];
    /// <summary>Variables that the mounts bring: a secret's value, the agent's socket.</summary>
    public List<string> Environment { get; } = [];

    /// <param name="directory">What relative targets are in.</param>
    public static async Task<StepMounts> PrepareAsync(BuildParts parts, IReadOnlyList<StepMount> wanted, string directory, Heredoc? script, CancellationToken cancellation)
    {
        var mounts = new StepMounts(parts);
        try
        {
            foreach (var (mount, from) in wanted) await mounts.AddAsync(directory, mount, from, cancellation);
            if (script is not null) mounts.AddFile(RunNode.ScriptDirectory + script.Name, Encoding.UTF8.GetBytes(script.Content), 0x1ed, 0, 0);
            return mounts;
        }
        catch
        {
            mounts.Dispose();
            throw;
        }
    }

    private async Task AddAsync(string directory, RunMount mount, NodeResult? from, CancellationToken cancellation)
    {
        var target = ArchivePlace.Clean(mount.Target.StartsWith('/') ? mount.Target : $"{directory}/{mount.Target}");
        switch (mount.Type)
        {
            case RunMountType.Bind: AddBind(mount, target, from, from is null ? await _parts.Contexts.OpenAsync(mount.Context, cancellation) : null); break;
            case RunMountType.Cache: await AddCacheAsync(mount, target, from, cancellation); break;
            case RunMountType.Tmpfs:
                Mounts.Add(new Mount { Type = "tmpfs", Source = "tmpfs", Destination = target, Options = ["nosuid", "nodev", .. mount.Size > 0 ? new[] { $"size={mount.Size}" } : []] });
                break;
            case RunMountType.Secret: await AddSecretAsync(mount, target, cancellation); break;
            default: await AddAgentAsync(mount, cancellation); break;
        }
    }

    private void AddBind(RunMount mount, string target, NodeResult? from, BuildContext? context)
    {
        if (from is null)
        {
            using var found = OpenSource(context!.Root, mount.Source);
            var real = Encoding.UTF8.GetString(FileAt.ReadLink(OpenAt.AT_FDCWD, Encoding.ASCII.GetBytes(found.ProcPath)));
            Mounts.Add(mount.ReadOnly ? DefaultMounts.Bind(target, real, "ro") : FileStat.Of(found).IsDirectory ? Overlay(target, [real], writable: true) : DefaultMounts.Bind(target, Copied(real)));
            return;
        }
        var (source, isDirectory) = Place(from, mount.Source);
        if (!isDirectory)
        {
            var file = FileOf(from, source) ?? throw CopySources.NotFound(mount.Source);
            if (_parts.Snapshots.KeepsContentsElsewhere(file)) file = CopiedOut(from, source);
            else if (!mount.ReadOnly) file = Copied(file);
            Mounts.Add(mount.ReadOnly ? DefaultMounts.Bind(target, file, "ro") : DefaultMounts.Bind(target, file));
            return;
        }
        var lowers = _parts.Snapshots.LayerPaths(from.ChainId, source);
        if (lowers.Count == 0) throw CopySources.NotFound(mount.Source);
        Mounts.Add(Overlay(target, lowers, writable: !mount.ReadOnly));
    }

    /// <summary>Where a path of another step's file system leads, links followed, and whether that is a directory.</summary>
    private (string Path, bool IsDirectory) Place(NodeResult from, string path)
    {
        using var root = _parts.Snapshots.OpenLayers(from.ChainId);
        using var found = OpenSource(root, path);
        return (ArchivePlace.Below(root, found) ?? throw CopySources.NotFound(path), FileStat.Of(found).IsDirectory);
    }

    /// <summary>The file that a real path of a stack of layers shows: that of the uppermost layer which has it.</summary>
    private string? FileOf(NodeResult from, string path)
    {
        int slash = path.LastIndexOf('/');
        foreach (var directory in _parts.Snapshots.LayerPaths(from.ChainId, path[..slash]))
        {
            using var opened = OpenAt.Open(directory, O.PATH | O.DIRECTORY);
            if (FileAt.Stat(opened.Value, Encoding.UTF8.GetBytes(path[(slash + 1)..]), out var stat) == 0 && stat.IsRegular) return $"{directory}/{path[(slash + 1)..]}";
        }
        return null;
    }

    /// <summary>A file with its content, mode and owner, from where the file system of the step shows it.</summary>
    private string CopiedOut(NodeResult from, string path)
    {
        using var root = _parts.Snapshots.OpenLayers(from.ChainId);
        using var file = OpenSource(root, path);
        var (copy, stat) = (Copied(file.ProcPath), FileStat.Of(file));
        FileAt.Check(FileAt.ChangeOwner(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(copy), stat.Uid, stat.Gid), "fchownat", Encoding.UTF8.GetBytes(copy));
        FileAt.Check(FileAt.ChangeMode(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(copy), stat.Permissions), "fchmodat", Encoding.UTF8.GetBytes(copy));
        return copy;
    }

    /// <summary>Directories over each other. What is written there is for this step only.</summary>
    private Mount Overlay(string target, IReadOnlyList<string> lowers, bool writable)
    {
        if (!writable) return _parts.Snapshots.MountOver(target, lowers);
        var scratch = Scratch();
        return _parts.Snapshots.MountOver(target, lowers, (Directory.CreateDirectory(Path.Combine(scratch, "upper")).FullName, Directory.CreateDirectory(Path.Combine(scratch, "work")).FullName));
    }

    private string Scratch() => Directory.CreateDirectory(Path.Combine(_parts.FetchDirectory, Guid.NewGuid().ToString("n"))).FullName;

    private string Copied(string file)
    {
        var copy = Path.Combine(Scratch(), "file");
        File.Copy(file, copy);
        return copy;
    }

    private static Fd OpenSource(Fd root, string path)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(ArchivePlace.Clean(path)), O.PATH);
        return fd >= 0 ? new Fd(fd) : throw CopySources.NotFound(path);
    }

    private async Task AddCacheAsync(RunMount mount, string target, NodeResult? from, CancellationToken cancellation)
    {
        var make = new CacheMounts.NewCache(mount.Mode, mount.Uid, mount.Gid, from is null ? null : path => FillAsync(path, from, mount.Source, cancellation));
        var lease = await _parts.CacheMounts.TakeAsync(mount.Id.Length > 0 ? mount.Id : target, mount.Sharing, make, cancellation);
        _held.Add(lease);
        Mounts.Add(mount.ReadOnly ? DefaultMounts.Bind(target, lease.Path, "ro") : DefaultMounts.Bind(target, lease.Path));
    }

    /// <summary>Puts what a directory of another stage holds into a new cache.</summary>
    private async Task FillAsync(string path, NodeResult from, string source, CancellationToken cancellation)
    {
        using var root = _parts.Snapshots.OpenLayers(from.ChainId);
        using var target = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        using var found = OpenSource(root, source);
        if (!FileStat.Of(found).IsDirectory) throw WharfException.Invalid($"RUN --mount=type=cache: \"{source}\" is not a directory of what it comes from");
        await Piped.RunAsync(output => ArchiveService.WriteRootAsync(found, output, cancellation), tar => ArchiveService.ExtractAsync(target, "/", tar, new ArchiveExtractOptions(), cancellation));
    }

    private async Task AddSecretAsync(RunMount mount, string target, CancellationToken cancellation)
    {
        var id = mount.Id.Length > 0 ? mount.Id : mount.Source.Length > 0 ? mount.Source : Path.GetFileName(mount.Target);
        if (id.Length == 0) throw WharfException.Invalid("RUN --mount=type=secret needs an id, a source or a target");
        var value = await _parts.Request.Secrets(id, cancellation);
        if (value is null)
        {
            if (mount.Required) throw WharfException.NotFound($"secret {id}: not found");
            return;
        }
        if (mount.Variable.Length > 0) Environment.Add($"{mount.Variable}={Encoding.UTF8.GetString(value)}");
        if (mount.Variable.Length > 0 && mount.Target.Length == 0) return;
        AddFile(mount.Target.Length == 0 ? $"/run/secrets/{id}" : target, value, mount.Mode, mount.Uid, mount.Gid);
    }

    private async Task AddAgentAsync(RunMount mount, CancellationToken cancellation)
    {
        var id = mount.Id.Length > 0 ? mount.Id : "default";
        if (await _parts.Request.SshAgents(id, cancellation) is not { } socket)
        {
            if (mount.Required) throw WharfException.NotFound($"unset ssh forward key {id}");
            return;
        }
        var target = mount.Target.Length > 0 ? ArchivePlace.Clean(mount.Target) : $"/run/buildkit/ssh_agent.{Environment.Count}";
        var name = Encoding.UTF8.GetBytes(socket);
        FileAt.Check(FileAt.ChangeOwner(OpenAt.AT_FDCWD, name, mount.Uid, mount.Gid), "fchownat", name);
        FileAt.Check(FileAt.ChangeMode(OpenAt.AT_FDCWD, name, mount.Mode), "fchmodat", name);
        Mounts.Add(DefaultMounts.Bind(target, socket));
        Environment.Add($"SSH_AUTH_SOCK={target}");
    }

    private void AddFile(string target, byte[] content, uint mode, uint uid, uint gid)
    {
        Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = Path.Combine(_directory, _files.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _files.Add(path);
        using (var file = OpenAt.Open(path, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180)) FileAt.WriteAll(file.Value, content);
        var name = Encoding.UTF8.GetBytes(path);
        FileAt.Check(FileAt.ChangeOwner(OpenAt.AT_FDCWD, name, uid, gid), "fchownat", name);
        FileAt.Check(FileAt.ChangeMode(OpenAt.AT_FDCWD, name, mode), "fchmodat", name);
        Mounts.Add(DefaultMounts.Bind(target, path, "ro"));
    }

    public void Dispose()
    {
        foreach (var held in _held) held.Dispose();
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }
}
