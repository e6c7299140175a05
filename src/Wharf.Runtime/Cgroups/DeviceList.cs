using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>
/// The state that a sequence of device rules leaves in a cgroup v1's device list: everything allowed or denied, but for exceptions
/// (cgroup-v1/devices.rst). Version 2's filter is made from it, so that both mean the same.
/// </summary>
internal sealed class DeviceList
{
    public const int Mknod = 1, Read = 2, Write = 4;

    private readonly Dictionary<(char Type, long Major, long Minor), int> _exceptions = [];

    public bool AllowsByDefault { get; private set; }

    /// <summary>Type b or c, numbers with −1 for any, and the bits of access that are the other way round than the default.</summary>
    public IEnumerable<(char Type, long Major, long Minor, int Access)> Exceptions => _exceptions.Select(entry => (entry.Key.Type, entry.Key.Major, entry.Key.Minor, entry.Value));

    public static DeviceList Of(IEnumerable<LinuxDeviceCgroup> rules)
    {
        var list = new DeviceList();
        foreach (var rule in rules) list.Apply(rule);
        return list;
    }

    private void Apply(LinuxDeviceCgroup rule)
    {
        if (rule.Type is null or "" or "a")
        {
            AllowsByDefault = rule.Allow;
            _exceptions.Clear();
            return;
        }
        var key = (rule.Type[0], rule.Major ?? -1, rule.Minor ?? -1);
        int access = AccessBits(rule.Access), now = _exceptions.GetValueOrDefault(key);
        now = rule.Allow == AllowsByDefault ? now & ~access : now | access;
        if (now == 0) _exceptions.Remove(key);
        else _exceptions[key] = now;
    }

    private static int AccessBits(string? access) => access is null or "" ? Mknod | Read | Write :
        (access.Contains('m') ? Mknod : 0) | (access.Contains('r') ? Read : 0) | (access.Contains('w') ? Write : 0);
}
