using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>
/// Device rules as DevicePolicy and DeviceAllow, for v1 only: there systemd keeps one list with us and would open it to everything at its next
/// look. On v2 it attaches no program to a unit without a policy, and leaves ours alone.
/// </summary>
internal static class SystemdDevices
{
    public static IEnumerable<UnitProperty> Of(IReadOnlyList<LinuxDeviceCgroup> rules)
    {
        var list = DeviceList.Of([.. rules, .. DeviceFilterV2.Always]);
        if (list.AllowsByDefault) return [UnitProperty.Text("DevicePolicy", "auto"), UnitProperty.Pairs("DeviceAllow", [])];
        var allow = new List<(string, string)>();
        var groups = Groups();
        foreach (var (type, major, minor, access) in list.Exceptions)
        {
            var permissions = ((access & DeviceList.Read) != 0 ? "r" : "") + ((access & DeviceList.Write) != 0 ? "w" : "") + ((access & DeviceList.Mknod) != 0 ? "m" : "");
            var kind = type == 'b' ? "block" : "char";
            if (major == -1) allow.Add(($"{kind}-*", permissions));
            else if (minor != -1) allow.Add(($"/dev/{kind}/{major}:{minor}", permissions));
            else if (groups.TryGetValue((kind, major), out var name)) allow.Add(($"{kind}-{name}", permissions));
            // A driver that is not loaded has no name, and no device either.
        }
        return [UnitProperty.Text("DevicePolicy", "strict"), UnitProperty.Pairs("DeviceAllow", []), UnitProperty.Pairs("DeviceAllow", allow)];
    }

    /// <summary>Names of major numbers (proc_devices(5)).</summary>
    private static Dictionary<(string Kind, long Major), string> Groups()
    {
        var groups = new Dictionary<(string, long), string>();
        var kind = "char";
        foreach (var line in File.ReadLines("/proc/devices"))
        {
            if (line.StartsWith("Block", StringComparison.Ordinal)) kind = "block";
            if (line.Trim().Split(' ', 2) is [var number, var name] && long.TryParse(number, out long major)) groups.TryAdd((kind, major), name);
        }
        return groups;
    }
}
