using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Cgroups;

/// <summary>
/// Where a container's group is: its path below each hierarchy's mount point, and with systemd the name of the unit that it is.
/// Written down, it is enough to find the group again.
/// </summary>
public sealed record CgroupPlace(string Path, string? Unit = null, string? Slice = null)
{
    /// <summary>No group: see <see cref="NoCgroup"/>.</summary>
    public static CgroupPlace None { get; } = new("");

    private const int MaxName = 255; // NAME_MAX, also of a cgroup's directory

    /// <summary>
    /// Reads <c>linux.cgroupsPath</c> as runc does. cgroupfs: a path from the root, or, relative or not given, from the caller's own group.
    /// systemd: <c>slice:prefix:name</c>, not given <c>system.slice:runc:ID</c>.
    /// </summary>
    public static CgroupPlace Resolve(CgroupLayout layout, string? cgroupsPath, string id) =>
        layout.UseSystemd ? OfUnit(cgroupsPath, id) : OfPath(layout, string.IsNullOrEmpty(cgroupsPath) ? id : cgroupsPath);

    private static CgroupPlace OfPath(CgroupLayout layout, string cgroupsPath)
    {
        var parts = cgroupsPath.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts.Contains("..")) throw WharfException.Invalid($"linux.cgroupsPath: invalid cgroup path \"{cgroupsPath}\"");
        if (parts.FirstOrDefault(part => System.Text.Encoding.UTF8.GetByteCount(part) > MaxName) is { } tooLong)
            throw WharfException.Invalid($"linux.cgroupsPath: \"{tooLong[..32]}…\" is longer than {MaxName} bytes: file name too long");
        var path = "/" + string.Join('/', parts.Where(part => part != "."));
        return new CgroupPlace(cgroupsPath[0] == '/' ? path : Parent(layout) + path);
    }

    // On v2 the caller's own group has processes, and so can give its children no controllers: its parent serves (the "no internal processes" rule).
    private static string Parent(CgroupLayout layout)
    {
        foreach (var line in KernelFile.ReadLines("/proc/self/cgroup"))
        {
            var parts = line.Split(':', 3);
            if (parts.Length != 3 || (layout.IsV2 ? parts[1].Length != 0 : !parts[1].Split(',').Contains("memory"))) continue;
            var own = layout.IsV2 ? System.IO.Path.GetDirectoryName(parts[2]) ?? "/" : parts[2];
            return own.TrimEnd('/');
        }
        return "";
    }

    private static CgroupPlace OfUnit(string? cgroupsPath, string id)
    {
        string slice = "", prefix = "runc", name = id;
        if (!string.IsNullOrEmpty(cgroupsPath))
        {
            if (cgroupsPath.Split(':') is not [var first, var second, var third])
                throw WharfException.Invalid($"linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"{cgroupsPath}\" instead");
            (slice, prefix, name) = (first, second, third);
        }
        if (slice.Length == 0) slice = "system.slice";
        if (name.Length == 0 || name.Contains('/') || prefix.Contains('/')) throw WharfException.Invalid($"linux.cgroupsPath: invalid unit name \"{prefix}-{name}\"");
        var unit = name.EndsWith(".slice", StringComparison.Ordinal) ? name : prefix.Length == 0 ? $"{name}.scope" : $"{prefix}-{name}.scope";
        if (unit.Length > MaxName) throw WharfException.Invalid($"linux.cgroupsPath: the unit name \"{unit[..32]}…\" is longer than {MaxName} bytes");
        return new CgroupPlace($"{ExpandSlice(slice)}/{unit}", unit, slice);
    }

    /// <summary>Dashes nest slices (systemd.slice(5)): <c>a-b.slice</c> is <c>/a.slice/a-b.slice</c>.</summary>
    public static string ExpandSlice(string slice)
    {
        const string Suffix = ".slice";
        if (slice.Length <= Suffix.Length || !slice.EndsWith(Suffix, StringComparison.Ordinal) || slice.Contains('/')) throw WharfException.Invalid($"invalid slice name: {slice}");
        var name = slice[..^Suffix.Length];
        if (name == "-") return "";
        string path = "", prefix = "";
        foreach (var part in name.Split('-'))
        {
            if (part.Length == 0) throw WharfException.Invalid($"invalid slice name: {slice}");
            prefix += prefix.Length == 0 ? part : "-" + part;
            path += $"/{prefix}{Suffix}";
        }
        return path;
    }
}
