using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Rootfs;

/// <summary>A mount's option words (mount(8), OCI config.md "mounts") sorted into what each kind of call takes.</summary>
public sealed record MountOptions
{
    public bool Bind { get; private set; }
    public bool Recursive { get; private set; }
    /// <summary>See <see cref="MountExtensions.Subpath"/>; empty for none.</summary>
    public string Subpath { get; private set; } = "";
    /// <summary>Attributes for this mount, and those (<c>rro</c>, <c>rnosuid</c> …) for all below it too.</summary>
    public ulong Set { get; private set; }
    public ulong Clear { get; private set; }
    public ulong RecursiveSet { get; private set; }
    public ulong RecursiveClear { get; private set; }
    public ulong? Propagation { get; private set; }
    public bool PropagationRecursive { get; private set; }
    /// <summary>Change the attributes of what is mounted there already.</summary>
    public bool Remount { get; private set; }
    /// <summary>A new tmpfs begins with what it covers.</summary>
    public bool CopyUp { get; private set; }
    /// <summary>Owners are seen through the container's own numbers, or those of the mount.</summary>
    public bool IdMap { get; private set; }
    public bool IdMapRecursive { get; private set; }
    /// <summary>What the file system itself is told: <c>size=…</c>, <c>mode=…</c>.</summary>
    public List<string> Data { get; } = [];

    private static readonly Dictionary<string, (ulong Flag, bool Clear)> Attributes = new(StringComparer.Ordinal)
    {
        ["ro"] = (MountFlags.MOUNT_ATTR_RDONLY, false), ["rw"] = (MountFlags.MOUNT_ATTR_RDONLY, true),
        ["nosuid"] = (MountFlags.MOUNT_ATTR_NOSUID, false), ["suid"] = (MountFlags.MOUNT_ATTR_NOSUID, true),
        ["nodev"] = (MountFlags.MOUNT_ATTR_NODEV, false), ["dev"] = (MountFlags.MOUNT_ATTR_NODEV, true),
        ["noexec"] = (MountFlags.MOUNT_ATTR_NOEXEC, false), ["exec"] = (MountFlags.MOUNT_ATTR_NOEXEC, true),
        ["nodiratime"] = (MountFlags.MOUNT_ATTR_NODIRATIME, false), ["diratime"] = (MountFlags.MOUNT_ATTR_NODIRATIME, true),
        ["nosymfollow"] = (MountFlags.MOUNT_ATTR_NOSYMFOLLOW, false), ["symfollow"] = (MountFlags.MOUNT_ATTR_NOSYMFOLLOW, true),
    };

    private static readonly Dictionary<string, ulong> AccessTimes = new(StringComparer.Ordinal)
    {
        ["relatime"] = 0, ["atime"] = 0, ["norelatime"] = 0, ["nostrictatime"] = 0, ["noatime"] = MountFlags.MOUNT_ATTR_NOATIME, ["strictatime"] = MountFlags.MOUNT_ATTR_STRICTATIME,
    };

    private static readonly Dictionary<string, ulong> Propagations = new(StringComparer.Ordinal)
    {
        ["private"] = MountFlags.MS_PRIVATE, ["slave"] = MountFlags.MS_SLAVE, ["shared"] = MountFlags.MS_SHARED, ["unbindable"] = MountFlags.MS_UNBINDABLE,
    };

    // The default already, or without effect in today's kernels.
    private static readonly HashSet<string> Ignored = new(StringComparer.Ordinal)
        { "defaults", "async", "nomand", "mand", "nolazytime", "iversion", "noiversion", "silent", "loud", "nofail", "auto", "noauto", "user", "nouser" };

    /// <summary>All option words this runtime knows, for <c>features</c>.</summary>
    public static IEnumerable<string> Known => Attributes.Keys.Concat(Attributes.Keys.Select(name => "r" + name)).Concat(AccessTimes.Keys).Concat(AccessTimes.Keys.Select(name => "r" + name))
        .Concat(Propagations.Keys).Concat(Propagations.Keys.Select(name => "r" + name))
        .Concat(["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap", "defaults", "async", "sync", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "iversion", "noiversion", "silent", "loud"])
        .Order(StringComparer.Ordinal);

    /// <summary>linux.rootfsPropagation; none when it is not set.</summary>
    public static (ulong? Kind, bool Recursive) PropagationOf(string? name)
    {
        if (name is null or "") return (null, false);
        bool recursive = name[0] == 'r';
        return Propagations.TryGetValue(recursive ? name[1..] : name, out var kind) ? (kind, recursive) : throw WharfException.Invalid($"rootfsPropagation={name} is not supported");
    }

    public static MountOptions Parse(IEnumerable<string>? options)
    {
        var parsed = new MountOptions();
        foreach (var option in options ?? []) parsed.Add(option);
        return parsed;
    }

    private void Add(string option)
    {
        if (option is "bind" or "rbind")
        {
            Bind = true;
            Recursive |= option == "rbind";
        }
        else if (Attributes.TryGetValue(option, out var attribute))
        {
            // The last word on an attribute counts.
            Clear = attribute.Clear ? Clear | attribute.Flag : Clear & ~attribute.Flag;
            Set = attribute.Clear ? Set & ~attribute.Flag : Set | attribute.Flag;
        }
        else if (option.Length > 1 && option[0] == 'r' && Attributes.TryGetValue(option[1..], out attribute))
        {
            RecursiveClear = attribute.Clear ? RecursiveClear | attribute.Flag : RecursiveClear & ~attribute.Flag;
            RecursiveSet = attribute.Clear ? RecursiveSet & ~attribute.Flag : RecursiveSet | attribute.Flag;
        }
        else if (AccessTimes.TryGetValue(option, out var time))
        {
            Clear |= MountFlags.MOUNT_ATTR__ATIME;
            Set = Set & ~MountFlags.MOUNT_ATTR__ATIME | time;
        }
        else if (option.Length > 1 && option[0] == 'r' && AccessTimes.TryGetValue(option[1..], out time))
        {
            RecursiveClear |= MountFlags.MOUNT_ATTR__ATIME;
            RecursiveSet = RecursiveSet & ~MountFlags.MOUNT_ATTR__ATIME | time;
        }
        else if (Propagations.TryGetValue(option, out var propagation)) Propagation = propagation;
        else if (option.Length > 1 && option[0] == 'r' && Propagations.TryGetValue(option[1..], out propagation))
        {
            Propagation = propagation;
            PropagationRecursive = true;
        }
        else if (option.StartsWith(MountExtensions.Subpath, StringComparison.Ordinal)) Subpath = option[MountExtensions.Subpath.Length..];
        else if (option == "remount") Remount = true;
        else if (option == "tmpcopyup") CopyUp = true;
        else if (option is "idmap" or "ridmap")
        {
            IdMap = true;
            IdMapRecursive = option == "ridmap";
        }
        else if (option.Length > 0 && !Ignored.Contains(option)) Data.Add(option);
    }
}
