using Wharf.Linux.Fds;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Init;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>What a configuration must be before anything is made of it. The messages are those that runc's callers know.</summary>
internal static class SpecRules
{
    public static void Check(Spec spec, RuntimeLog log)
    {
        CheckVersion(spec.OciVersion);
        if (spec.Process is null) throw new RuntimeException("process property must not be empty");
        CheckProcess(spec.Process, log);
        if (spec.Root is null) throw new RuntimeException("root must be specified");
        CheckRoot(spec.Root.Path);
        var linux = spec.Linux!;
        foreach (var ns in linux.Namespaces ?? []) Namespaces.FlagOf(ns.Type);
        if (spec.Hostname is { Length: > 0 } && !Has(linux, "uts")) throw new RuntimeException("unable to set hostname without a private UTS namespace");
        if (spec.Domainname is { Length: > 0 } && !Has(linux, "uts")) throw new RuntimeException("unable to set domainname without a private UTS namespace");
        if ((linux.MaskedPaths is { Count: > 0 } || linux.ReadonlyPaths is { Count: > 0 }) && !Has(linux, "mount")) throw new RuntimeException("unable to restrict sys entries without a private MNT namespace");
        CheckUserNamespace(linux);
        if (linux.TimeOffsets is { Count: > 0 } && !Has(linux, "time")) throw new RuntimeException("time namespace is not enabled, but linux.timeOffsets is set");
        MountOptions.PropagationOf(linux.RootfsPropagation);
        Sysctls.Check(linux);
        NetDevices.Check(linux);
        if (linux.MemoryPolicy is { } policy) MemoryPolicies.ModeOf(policy);
        foreach (var mount in spec.Mounts ?? []) if (!mount.Destination.StartsWith('/')) log.Warning($"mount destination {mount.Destination} is not absolute. Support for non-absolute mount destinations will be removed in a future release.");
        foreach (var device in linux.Devices ?? []) if (device.Type is not ("c" or "u" or "b" or "p")) throw new RuntimeException($"invalid device type \"{device.Type}\"");
        if (spec.Process.SelinuxLabel is { Length: > 0 } && !SecurityModules.Selinux) throw new RuntimeException("selinux label is specified in config, but selinux is disabled or not supported");
        if (linux.MountLabel is { Length: > 0 } && !SecurityModules.Selinux) throw new RuntimeException("selinux mount label is specified in config, but selinux is disabled or not supported");
        if (spec.Process.ApparmorProfile is { Length: > 0 } and not "unconfined" && !SecurityModules.Apparmor) throw new RuntimeException("apparmor profile is specified in config, but apparmor is disabled or not supported");
    }

    // Any 1.x is understood: minor versions only add (spec.md, "versions").
    private static void CheckVersion(string version)
    {
        if (version.Length == 0) throw new RuntimeException("ociVersion must be specified");
        var parts = version.Split('-', '+')[0].Split('.');
        if (parts.Length != 3 || !parts.All(part => uint.TryParse(part, out _))) throw new RuntimeException($"ociVersion \"{version}\" is not a semantic version");
        if (uint.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture) > 1) throw new RuntimeException($"ociVersion \"{version}\" is not supported: this runtime implements {new Spec().OciVersion}");
    }

    public static void CheckProcess(Process process, RuntimeLog log)
    {
        if (process.Cwd.Length == 0) throw new RuntimeException("Cwd property must not be empty");
        if (process.Cwd[0] != '/') throw new RuntimeException("Cwd must be an absolute path");
        if (process.Args.Count == 0) throw new RuntimeException("args must not be empty");
        foreach (var limit in process.Rlimits ?? []) Rlimits.NumberOf(limit.Type);
        DropUnknownCapabilities(process.Capabilities, log);
    }

    private static void DropUnknownCapabilities(Capabilities? sets, RuntimeLog log)
    {
        if (sets is null) return;
        var unknown = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var set in (List<string>?[])[sets.Bounding, sets.Effective, sets.Permitted, sets.Inheritable, sets.Ambient])
        {
            foreach (var name in set ?? []) if (!CapabilitySets.IsKnown(name)) unknown.Add(name);
            set?.RemoveAll(unknown.Contains);
        }
        if (unknown.Count > 0) log.Warning($"ignoring unknown or unavailable capabilities: [{string.Join(' ', unknown)}]");
    }

    private static void CheckRoot(string path)
    {
        var stat = FileAt.Stat(OpenAt.AT_FDCWD, System.Text.Encoding.UTF8.GetBytes(path), out var found);
        if (stat < 0) throw new RuntimeException($"invalid rootfs: stat {path}: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(-stat).ToLowerInvariant()}");
        if (found.IsSymlink) throw new RuntimeException("invalid rootfs: not an absolute path, or a symlink");
        if (!found.IsDirectory) throw new RuntimeException($"invalid rootfs: {path} is not a directory");
    }

    private static void CheckUserNamespace(LinuxSpec linux)
    {
        if (linux.Namespaces?.FirstOrDefault(ns => ns.Type == "user") is not { } user || user.Path is { Length: > 0 }) return;
        if (linux.UidMappings is not { Count: > 0 }) throw new RuntimeException("User namespaces enabled, but no uid mappings found.");
        if (linux.GidMappings is not { Count: > 0 }) throw new RuntimeException("User namespaces enabled, but no gid mappings found.");
    }

    private static bool Has(LinuxSpec linux, string type) => linux.Namespaces?.Any(ns => ns.Type == type) == true;
}
