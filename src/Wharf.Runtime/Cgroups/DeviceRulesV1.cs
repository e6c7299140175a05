using System.Globalization;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>The device white list of cgroup v1 (cgroup-v1/devices.rst).</summary>
internal static class DeviceRulesV1
{
    /// <summary>What every container may use, whatever its configuration says (OCI config-linux.md, default devices), pseudo-terminals included.</summary>
    private static readonly string[] Always =
        ["c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c *:* m", "b *:* m"];

    public static void Apply(string? directory, IReadOnlyList<LinuxDeviceCgroup>? rules)
    {
        if (directory is null || rules is null) return;
        var writes = rules.Select(rule => (rule.Allow, Rule: Format(rule))).ToList();
        // An allow-all configuration (privileged) needs no exceptions.
        if (rules is not [.., { Allow: true, Type: null or "a" }])
        {
            var allowed = writes.Skip(writes.FindLastIndex(write => !write.Allow) + 1).Select(write => write.Rule);
            writes.AddRange(Always.Except(allowed).Select(rule => (true, rule)));
        }
        for (int start = 0, end; start < writes.Count; start = end)
        {
            bool allow = writes[start].Allow;
            for (end = start + 1; end < writes.Count && writes[end].Allow == allow;) end++;
            CgroupFile.Write($"{directory}/devices.{(allow ? "allow" : "deny")}", writes[start..end].Select(write => write.Rule), "linux.resources.devices");
        }
    }

    public static string Format(LinuxDeviceCgroup rule)
    {
        var type = rule.Type is null or "" ? "a" : rule.Type;
        var access = rule.Access is null or "" ? "rwm" : rule.Access;
        if (type == "a" && rule is { Major: null or -1, Minor: null or -1 }) return "a *:* rwm";
        return $"{type} {Number(rule.Major)}:{Number(rule.Minor)} {access}";
    }

    private static string Number(long? number) => number is null or -1 ? "*" : number.Value.ToString(CultureInfo.InvariantCulture);
}
