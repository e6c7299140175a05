using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using SpecMount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Volumes;

/// <summary>What a container asks to have mounted.</summary>
public sealed record MountRequest
{
    public required string ContainerId { get; init; }
    public required HostConfig Host { get; init; }
    /// <summary>VOLUMEs of image and user.</summary>
    public required IEnumerable<string> Volumes { get; init; }
    /// <summary>The mounts of another container, for <c>--volumes-from</c>; throws when there is none of that name.</summary>
    public required Func<string, IReadOnlyList<MountPoint>> MountsOf { get; init; }
    /// <summary>Finds an image to mount: its layers' chain; NotFound where it is not here.</summary>
    public required Func<string, Task<Specs.Image.Digest?>> ImageOf { get; init; }
    /// <summary>Finds an artifact to mount: its manifest; NotFound where it is not here.</summary>
    public required Func<string, MountArtifactOptions?, Task<Specs.Image.Digest>> ArtifactOf { get; init; }
    /// <summary>Takes note of something the user should know.</summary>
    public Action<string> Warn { get; init; } = _ => { };
    /// <summary>Opens the container's still untouched root, for copying the image's content into new volumes.</summary>
    public required Func<Fd> OpenRoot { get; init; }
}

/// <summary>Turns what a container asks to mount into volumes and mount points at create, and into the runtime's mounts at start.</summary>
public sealed class MountService(VolumeService volumes, string dataRoot)
{
    /// <summary>Decides all mounts, makes and references the volumes, and fills new ones from the image. Later ways to ask do not override earlier ones.</summary>
    public async Task<List<MountPoint>> ResolveAsync(MountRequest request, CancellationToken cancellation)
    {
        var points = new Dictionary<string, MountPoint>(StringComparer.Ordinal);
        foreach (var from in request.Host.VolumesFrom ?? []) Inherit(points, from, request);
        var plans = Plan(request.Host);
        foreach (var destination in request.Volumes)
        {
            var plan = MountParser.ParseVolume(destination);
            if (!points.ContainsKey(plan.Destination) && !plans.Exists(other => other.Destination == plan.Destination) && request.Host.Tmpfs?.ContainsKey(plan.Destination) != true) plans.Add(plan);
        }
        foreach (var plan in plans)
            points[plan.Destination] = plan.Type switch
            {
                "volume" => await MakeVolumeAsync(plan, request, cancellation),
                "image" => await FindImageAsync(plan, request),
                // Here as with images: a name may move.
                "artifact" => PointOf(plan) with { Name = plan.Source, Source = (await request.ArtifactOf(plan.Source, plan.Artifact)).ToString(), ArtifactOptions = plan.Artifact },
                "bind" => PointOf(plan) with { Propagation = MountPropagation.Choose(plan, dataRoot) },
                _ => PointOf(plan),
            };
        foreach (var point in points.Values)
            if (point.Type == "volume") volumes.AddReference(point.Name!, request.ContainerId);
        return [.. points.Values];
    }

    /// <summary>The mounts to make, from the points decided at create. Sources of binds are looked at only now, as they may change between runs.</summary>
    public static List<SpecMount> Prepare(HostConfig host, IEnumerable<MountPoint> points, IReadOnlyDictionary<string, string> mounted, Func<MountPoint, string, SpecMount> image, Func<MountPoint, IEnumerable<SpecMount>> artifact)
    {
        var plans = Plan(host).ToDictionary(plan => plan.Destination, StringComparer.Ordinal);
        var mounts = new List<SpecMount>();
        foreach (var point in points)
        {
            plans.TryGetValue(point.Destination!, out var plan);
            if (plan is { Type: "bind", ReadOnly: false, ReadOnlyNonRecursive: true }) throw WharfException.Invalid("mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive");
            if (point.Type == "artifact") mounts.AddRange(artifact(point));
            else mounts.Add(point.Type switch
            {
                "tmpfs" => TmpfsOf(point, plan),
                "image" => image(point, plan?.Subpath ?? ""),
                _ => BindOf(point.Name is { } name && mounted.TryGetValue(name, out var path) ? point with { Source = path } : point, plan),
            });
        }
        foreach (var (destination, options) in host.Tmpfs ?? [])
        {
            RequireTmpfsOptions(options);
            mounts.Add(Containers.Oci.DefaultMounts.Tmpfs(MountParser.Clean(destination), options));
        }
        return mounts;
    }

    private static readonly string[] TmpfsFlags =
    [
        "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime",
        "bind", "rbind", "unbindable", "runbindable", "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime", "strictatime", "nostrictatime",
    ];

    private static readonly string[] TmpfsValues = ["mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol"];

    private static void RequireTmpfsOptions(string options)
    {
        foreach (var option in options.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = option.Split('=', 2)[0];
            if (!(option.Contains('=') ? TmpfsValues : TmpfsFlags).Contains(name)) throw WharfException.Invalid($"invalid tmpfs option \"{name}\"");
        }
    }

    private static List<MountPlan> Plan(HostConfig host)
    {
        var plans = new List<MountPlan>();
        foreach (var bind in host.Binds ?? []) Add(MountParser.ParseBind(bind), fromBinds: true);
        foreach (var mount in host.Mounts ?? []) Add(MountParser.ParseMount(mount), fromBinds: false);
        return plans;

        void Add(MountPlan plan, bool fromBinds)
        {
            if (plans.Exists(other => other.Destination == plan.Destination) || (fromBinds && host.Tmpfs?.ContainsKey(plan.Destination) == true))
                throw WharfException.Invalid($"Duplicate mount point: {plan.Destination}");
            plans.Add(plan);
        }
    }

    private static void Inherit(Dictionary<string, MountPoint> points, string text, MountRequest request)
    {
        var (container, readOnly) = MountParser.ParseVolumesFrom(text);
        foreach (var point in request.MountsOf(container))
            if (point.Type != "tmpfs") points[point.Destination!] = point with { RW = point.RW != false && !readOnly, Mode = "" };
    }

    private static async Task<MountPoint> FindImageAsync(MountPlan plan, MountRequest request)
    {
        request.Warn("Image mount is an experimental feature");
        var chain = await request.ImageOf(plan.Source);
        // Which layers these are is decided now: a tag may move.
        return PointOf(plan) with { Name = plan.Source, Source = chain?.ToString() ?? "" };
    }

    private static MountPoint PointOf(MountPlan plan) => new()
    {
        Type = plan.Type, Source = plan.Source, Destination = plan.Destination, Mode = plan.Mode, RW = !plan.ReadOnly, Propagation = plan.Propagation,
    };

    private async Task<MountPoint> MakeVolumeAsync(MountPlan plan, MountRequest request, CancellationToken cancellation)
    {
        var driver = plan.VolumeOptions?.DriverConfig?.Name is { Length: > 0 } named ? named : request.Host.VolumeDriver is { Length: > 0 } common ? common : null;
        var volume = await volumes.CreateAsync(new VolumeCreateOptions
        {
            Name = plan.Volume.Length == 0 ? null : plan.Volume, Driver = driver, DriverOpts = plan.VolumeOptions?.DriverConfig?.Options, Labels = plan.VolumeOptions?.Labels,
        }, cancellation);
        if (!plan.NoCopy && plan.Subpath.Length == 0)
        {
            using var root = request.OpenRoot();
            await volumes.CopyUpAsync(volume.Name!, root, plan.Destination, cancellation);
        }
        return new MountPoint
        {
            Type = "volume", Name = volume.Name, Source = volume.Mountpoint, Destination = plan.Destination, Driver = volume.Driver, Mode = plan.Mode, RW = !plan.ReadOnly, Propagation = "",
        };
    }

    private static SpecMount BindOf(MountPoint point, MountPlan? plan)
    {
        var source = point.Source!;
        if (point.Type == "bind" && !Path.Exists(source))
        {
            if (plan is { CreateSource: false }) throw WharfException.Invalid($"invalid mount config for type \"bind\": bind source path does not exist: {source}");
            Directory.CreateDirectory(source);
        }
        if (plan is { ReadOnlyForceRecursive: true, ReadOnlyNonRecursive: true }) throw WharfException.Invalid("mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive");
        if (plan is { ReadOnlyForceRecursive: true } && point.RW != false) throw WharfException.Invalid("mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive");
        if (plan is { ReadOnlyForceRecursive: true } && point.Propagation is not ("rprivate" or "private" or "")) throw WharfException.Invalid($"mount options conflict: BindOptions.ReadOnlyForceRecursive && BindOptions.Propagation=={point.Propagation}");
        var propagation = point.Propagation is { Length: > 0 } chosen ? chosen : "rprivate";
        if (point.Type == "bind" && plan is { Propagation.Length: > 0 }) MountPropagation.Require(source, propagation);
        // What was chosen for the user is no reason to fail.
        else if (point.Type == "bind" && !MountPropagation.IsPossible(source, propagation, out _)) propagation = "rprivate";
        var options = new List<string> { plan?.NonRecursive == true ? "bind" : "rbind", propagation };
        if (point.RW == false) options.Add(plan?.ReadOnlyNonRecursive == true ? "ro" : "rro");
        if (plan?.Subpath is { Length: > 0 } subpath)
        {
            RequireSubpath(source, subpath);
            options.Add(Specs.Shim.MountExtensions.Subpath + subpath);
        }
        if (plan?.IdMap is { } map) options.Add(map.Recursive ? "ridmap" : "idmap");
        return new SpecMount { Type = "bind", Source = source, Destination = point.Destination!, Options = options, UidMappings = plan?.IdMap?.Uids, GidMappings = plan?.IdMap?.Gids };
    }

    /// <summary>
    /// A path below a volume, whose content a container wrote: it must be there, without leaving the volume. The runtime has the kernel find it
    /// once more when it mounts, so that no link put there meanwhile leads it elsewhere (CVE-2024-23651).
    /// </summary>
    private static void RequireSubpath(string volume, string subpath)
    {
        using var root = OpenAt.Open(volume, O.PATH | O.DIRECTORY);
        using var opened = OpenAt.TryInRoot(root, subpath, O.PATH, 0, Resolve.NoXdev, out int errno)
            ?? throw new WharfException(errno == Errno.ENOENT ? ErrorKind.NotFound : ErrorKind.InvalidArgument, $"cannot access path {volume}/{subpath}: lstat {volume}/{subpath}: {(errno == Errno.ENOENT ? "no such file or directory" : Errno.Name(errno))}");
    }

    private static SpecMount TmpfsOf(MountPoint point, MountPlan? plan)
    {
        var options = new List<string> { "noexec", "nosuid", "nodev" };
        if (point.RW == false) options.Add("ro");
        if (plan?.Tmpfs?.SizeBytes is not (null or 0)) options.Add(string.Create(CultureInfo.InvariantCulture, $"size={plan.Tmpfs.SizeBytes}"));
        if (plan?.Tmpfs?.Mode is { } mode and > 0) options.Add("mode=" + Convert.ToString(mode, 8));
        foreach (var pair in plan?.Tmpfs?.Options ?? []) options.Add(string.Join('=', pair));
        return new SpecMount { Type = "tmpfs", Source = "tmpfs", Destination = point.Destination!, Options = options };
    }
}
