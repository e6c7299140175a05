using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Rootfs;

/// <summary>A mount's option words (mount(8), OCI config.md "mounts") sorted into what each kind of call takes.</summary>
public sealed record MountOptions
{
    public bool Bind { get; private set; }
    public bool Recursive { get; private set; }
    /// <summary>Attributes for this mount, and those (<c>rro</c>, <c>rnosuid</c> …) for all below it too.</summary>
    public ulong Set { get; private set; }
    public ulong Clear { get; private set; }
    public ulong RecursiveSet { get; private set; }
    public ulong RecursiveClear { get; private set; }
    public ulong? Propagation { get; private set; }
    public bool PropagationRecursive { get; private set; }
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
        ["relatime"] = 0, ["noatime"] = MountFlags.MOUNT_ATTR_NOATIME, ["strictatime"] = MountFlags.MOUNT_ATTR_STRICTATIME,
    };

    private static readonly Dictionary<string, ulong> Propagations = new(StringComparer.Ordinal)
    {
        ["private"] = MountFlags.MS_PRIVATE, ["slave"] = MountFlags.MS_SLAVE, ["shared"] = MountFlags.MS_SHARED, ["unbindable"] = MountFlags.MS_UNBINDABLE,
    };

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
            if (attribute.Clear) Clear |= attribute.Flag; else Set |= attribute.Flag;
        }
        else if (option.Length > 1 && option[0] == 'r' && Attributes.TryGetValue(option[1..], out attribute))
        {
            if (attribute.Clear) RecursiveClear |= attribute.Flag; else RecursiveSet |= attribute.Flag;
        }
        else if (AccessTimes.TryGetValue(option, out var time))
        {
            Clear |= MountFlags.MOUNT_ATTR__ATIME;
            Set |= time;
        }
        else if (Propagations.TryGetValue(option, out var propagation)) Propagation = propagation;
        else if (option.Length > 1 && option[0] == 'r' && Propagations.TryGetValue(option[1..], out propagation))
        {
            Propagation = propagation;
            PropagationRecursive = true;
        }
        else if (option == "tmpcopyup") throw WharfException.NotImplemented("mount option tmpcopyup is not supported");
        else if (option.Length > 0 && option is not ("defaults" or "async")) Data.Add(option);
    }
}
