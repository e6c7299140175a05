using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Device nodes a container gets, and the cgroup's rules for which it may use.</summary>
internal static class DeviceRules
{
    /// <summary>What every container may use: its own /dev, terminals, and making nodes it still may not open.</summary>
    private static readonly (string Type, long? Major, long? Minor, string Access)[] Allowed =
    [
        ("c", null, null, "m"), ("b", null, null, "m"),
        ("c", 1, 3, "rwm"), ("c", 1, 5, "rwm"), ("c", 1, 7, "rwm"), ("c", 1, 8, "rwm"), ("c", 1, 9, "rwm"),
        ("c", 5, 0, "rwm"), ("c", 5, 1, "rwm"), ("c", 5, 2, "rwm"), ("c", 136, null, "rwm"),
    ];

    public static List<LinuxDeviceCgroup> Base() =>
        [new() { Allow = false, Access = "rwm" }, .. Allowed.Select(rule => new LinuxDeviceCgroup { Allow = true, Type = rule.Type, Major = rule.Major, Minor = rule.Minor, Access = rule.Access })];

    /// <summary>A rule as <c>--device-cgroup-rule</c> writes it: <c>c 1:3 rwm</c>, <c>*</c> for any number.</summary>
    public static LinuxDeviceCgroup ParseRule(string text)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var numbers = parts.Length == 3 ? parts[1].Split(':') : [];
        if (numbers.Length != 2 || parts[0] is not ("a" or "b" or "c") || !TryNumber(numbers[0], out var major) || !TryNumber(numbers[1], out var minor) || !IsAccess(parts[2]))
            throw WharfException.Invalid($"invalid device cgroup rule format: '{text}'");
        return new LinuxDeviceCgroup { Allow = true, Type = parts[0], Major = major, Minor = minor, Access = parts[2] };
    }

    /// <summary>A device of the host, or all in a directory of it, under a name in the container.</summary>
    public static void Add(DeviceMapping mapping, List<LinuxDevice> devices, List<LinuxDeviceCgroup> rules)
    {
        var host = mapping.PathOnHost ?? "";
        var inside = string.IsNullOrEmpty(mapping.PathInContainer) ? host : mapping.PathInContainer;
        var access = string.IsNullOrEmpty(mapping.CgroupPermissions) ? "rwm" : mapping.CgroupPermissions;
        if (!IsAccess(access)) throw WharfException.Invalid($"invalid device mode: {access}");
        if (!inside.StartsWith('/')) throw WharfException.Invalid($"invalid device path: \"{inside}\" is not absolute");
        var facts = FileFacts.TryOf(host, follow: true, out int errno)
            ?? throw WharfException.Invalid($"error gathering device information while adding custom device \"{host}\": {Describe(errno)}");
        if (facts.IsDirectory)
        {
            foreach (var (path, device) in Walk(host)) AddOne(path, inside.TrimEnd('/') + path[host.TrimEnd('/').Length..], device, access, devices, rules);
            return;
        }
        if (!facts.IsCharacterDevice && !facts.IsBlockDevice)
            throw WharfException.Invalid($"error gathering device information while adding custom device \"{host}\": not a device node");
        AddOne(host, inside, facts, access, devices, rules);
    }

    /// <summary>All devices of the host, for a privileged container.</summary>
    public static void AddAll(List<LinuxDevice> devices)
    {
        foreach (var (path, facts) in Walk("/dev")) devices.Add(Node(path, facts));
    }

    private static void AddOne(string host, string inside, FileFacts facts, string access, List<LinuxDevice> devices, List<LinuxDeviceCgroup> rules)
    {
        var node = Node(inside, facts);
        devices.RemoveAll(existing => existing.Path == inside);
        devices.Add(node);
        rules.Add(new LinuxDeviceCgroup { Allow = true, Type = node.Type, Major = node.Major, Minor = node.Minor, Access = access });
    }

    private static LinuxDevice Node(string path, FileFacts facts) => new()
    {
        Path = path,
        Type = facts.IsBlockDevice ? "b" : "c",
        Major = facts.DeviceMajor,
        Minor = facts.DeviceMinor,
        FileMode = facts.Mode & 0xFFF,
        Uid = facts.Uid,
        Gid = facts.Gid,
    };

    /// <summary>Device nodes below a directory of the host, without what a container has of its own.</summary>
    private static IEnumerable<(string Path, FileFacts Facts)> Walk(string directory)
    {
        foreach (var path in Directory.EnumerateFileSystemEntries(directory).Order(StringComparer.Ordinal))
        {
            if (FileFacts.TryOf(path, follow: false, out _) is not { } facts) continue;
            if (facts.IsDirectory)
            {
                if (Path.GetFileName(path) is "pts" or "shm" or "fd" or "mqueue" or ".lxc" or ".lxd-mounts" or ".udev") continue;
                foreach (var inner in Walk(path)) yield return inner;
            }
            else if ((facts.IsCharacterDevice || facts.IsBlockDevice) && Path.GetFileName(path) is not "console")
            {
                yield return (path, facts);
            }
        }
    }

    private static string Describe(int errno) => errno switch
    {
        Errno.ENOENT => "no such file or directory",
        Errno.EACCES => "permission denied",
        Errno.ENOTDIR => "not a directory",
        _ => Errno.Name(errno),
    };

    private static bool TryNumber(string text, out long? number)
    {
        number = null;
        if (text == "*") return true;
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value)) return false;
        number = value;
        return true;
    }

    private static bool IsAccess(string text) => text.Length is > 0 and <= 3 && !text.AsSpan().ContainsAnyExcept("rwm") && text.Distinct().Count() == text.Length;
}
