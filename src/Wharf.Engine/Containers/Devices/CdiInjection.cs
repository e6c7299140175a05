using Wharf.Engine.Containers.Oci;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Devices;

/// <summary>Puts what devices ask for into a container's OCI configuration, as the specification of the Container Device Interface says.</summary>
internal static class CdiInjection
{
    public static void Apply(Spec spec, IReadOnlyList<CdiEdits> all)
    {
        var mounts = new List<Mount>();
        foreach (var edits in all)
        {
            foreach (var variable in edits.Environment) SetVariable(spec.Process!.Env ??= [], variable);
            foreach (var node in edits.DeviceNodes) AddNode(spec, node);
            mounts.AddRange(edits.Mounts.Select(static mount => new Mount { Source = mount.HostPath, Destination = mount.ContainerPath, Type = mount.Type.Length > 0 ? mount.Type : "bind", Options = mount.Options }));
            foreach (var hook in edits.Hooks) HookDirectory.ListOf(spec.Hooks ??= new Hooks(), hook.Stage).Add(new Hook { Path = hook.Path, Args = hook.Args, Env = hook.Environment, Timeout = hook.Timeout });
            var user = spec.Process!.User!;
            user.AdditionalGids = [.. (user.AdditionalGids ?? []).Union(edits.AdditionalGids)];
            foreach (var (host, name) in edits.Interfaces) (spec.Linux!.NetDevices ??= [])[host] = new LinuxNetDevice { Name = name.Length > 0 ? name : null };
            if (edits.IntelRdt is { } classes) spec.Linux!.IntelRdt = classes;
        }
        DefaultMounts.Overlay(spec.Mounts ??= [], mounts);
    }

    private static void SetVariable(List<string> environment, string variable)
    {
        int at = environment.FindIndex(known => known.StartsWith(variable[..(variable.IndexOf('=') + 1)], StringComparison.Ordinal));
        if (at >= 0) environment[at] = variable;
        else environment.Add(variable);
    }

    /// <summary>What the file leaves open is taken from the host's node; a process that is not root owns what has no owner.</summary>
    private static void AddNode(Spec spec, CdiDeviceNode node)
    {
        var host = node.HostPath.Length > 0 ? node.HostPath : node.Path;
        string type = node.Type;
        long? major = node.Major, minor = node.Minor;
        uint? mode = node.FileMode;
        if (type.Length == 0 || major is null or 0)
        {
            if (FileFacts.TryOf(host, follow: true, out _) is not { } facts || !(facts.IsCharacterDevice || facts.IsBlockDevice))
                throw new WharfException(ErrorKind.Internal, $"CDI device injection failed: failed to inject devices: failed to stat CDI host device \"{host}\": no such device");
            (major, minor) = (facts.DeviceMajor, facts.DeviceMinor);
            if (type.Length == 0) type = facts.IsBlockDevice ? "b" : "c";
            mode ??= facts.Mode & 0xFFF;
        }
        var owner = spec.Process!.User!;
        (spec.Linux!.Devices ??= []).RemoveAll(known => known.Path == node.Path);
        spec.Linux.Devices.Add(new LinuxDevice { Path = node.Path, Type = type, Major = major, Minor = minor ?? 0, FileMode = mode, Uid = node.Uid ?? (owner.Uid > 0 ? owner.Uid : null), Gid = node.Gid ?? (owner.Gid > 0 ? owner.Gid : null) });
        (spec.Linux.Resources!.Devices ??= []).Add(new LinuxDeviceCgroup { Allow = true, Type = type == "u" ? "c" : type, Major = major, Minor = minor ?? 0, Access = node.Permissions.Length > 0 ? node.Permissions : "rwm" });
    }
}
