using Wharf.Specs.DockerApi;
using Wharf.Specs.Runtime;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers.Oci;

/// <summary>What a spec is made from, beside the container's own configuration: all that only the start knows.</summary>
internal sealed record SpecInput
{
    public required string Id { get; init; }
    public required ContainerDocument Document { get; init; }
    public Config.ContainerDefaults Defaults { get; init; } = new();
    public required ResolvedUser User { get; init; }
    public required string CgroupsPath { get; init; }
    public required string Hostname { get; init; }
    /// <summary>Namespaces to make or to join; those of the host are left out.</summary>
    public required List<LinuxNamespace> Namespaces { get; init; }
    /// <summary>Volumes, binds, tmpfs and the files under /etc.</summary>
    public IReadOnlyList<Mount> Mounts { get; init; } = [];
    /// <summary>Variables that tell of linked containers; those of the container's own come after.</summary>
    public List<string> LinkEnvironment { get; init; } = [];
    /// <summary>Variables that take precedence over the container's own.</summary>
    public IReadOnlyList<string> SecretEnvironment { get; init; } = [];
    /// <summary>See <see cref="DefaultMounts.Build"/>.</summary>
    public string? SharedMemory { get; init; } = "";
}

/// <summary>Builds the OCI configuration of a container.</summary>
internal static class SpecBuilder
{
    public static Spec Build(SpecInput input)
    {
        var (config, host) = (input.Document.Config, input.Document.HostConfig);
        bool privileged = host.Privileged ?? false;
        var capabilities = CapabilitySet.Resolve(host.CapAdd, host.CapDrop, privileged);
        var security = SecurityOptions.Parse(host.SecurityOpt, input.Defaults);
        var mounts = DefaultMounts.Build(privileged, privileged || security.WritableCgroups, host.IpcMode == "host", host.PidMode == "host", input.Namespaces.Exists(space => space.Type == "user"), input.SharedMemory, host.ShmSize ?? Config.HostConfigDefaults.ShmSize);
        DefaultMounts.Overlay(mounts, input.Mounts);
        bool ownUts = input.Namespaces.Exists(space => space is { Type: "uts", Path: null });
        return new Spec
        {
            Process = BuildProcess(input, capabilities, security),
            Root = new Root { Path = "/", Readonly = host.ReadonlyRootfs == true ? true : null },
            Hostname = ownUts ? input.Hostname : null,
            Domainname = ownUts && config.Domainname is { Length: > 0 } domain ? domain : null,
            Mounts = mounts,
            Annotations = host.Annotations is { Count: > 0 } annotations ? annotations : null,
            Hooks = input.Defaults.Hooks?.Of(host.Annotations, input.Document.Path, host.Binds is { Count: > 0 } || host.Mounts?.Any(mount => mount.Type == "bind") == true),
            Linux = new LinuxSpec
            {
                CgroupsPath = input.CgroupsPath,
                Namespaces = input.Namespaces,
                Sysctl = host.Sysctls is { Count: > 0 } sysctls ? sysctls : null,
                Resources = BuildResources(host, privileged, out var devices),
                Devices = devices.Count == 0 ? null : devices,
                Seccomp = Seccomp(security, privileged, capabilities),
                MaskedPaths = privileged && host.MaskedPaths is null ? null : host.MaskedPaths,
                ReadonlyPaths = privileged && host.ReadonlyPaths is null ? null : host.ReadonlyPaths,
                RootfsPropagation = Propagation(mounts),
            },
        };
    }

    /// <summary>A further process of a container (exec), with the container's rights or, privileged, all of them.</summary>
    public static Process BuildExec(ContainerDocument document, ExecConfig exec, ResolvedUser user, string hostname, List<string>? linkEnvironment = null, Config.ContainerDefaults? defaults = null)
    {
        var host = document.HostConfig;
        bool privileged = host.Privileged == true || exec.Privileged == true;
        var capabilities = CapabilitySet.Resolve(host.CapAdd, host.CapDrop, privileged);
        bool terminal = exec.Tty ?? false;
        return new Process
        {
            Terminal = terminal ? true : null,
            ConsoleSize = terminal ? Size(exec.ConsoleSize) : null,
            Args = exec.Cmd ?? [],
            Cwd = exec.WorkingDir is { Length: > 0 } directory ? directory : Directory(document.Config),
            Env = ProcessEnvironment.Build(linkEnvironment is { Count: > 0 } ? [.. linkEnvironment, .. document.Config.Env ?? []] : document.Config.Env, hostname, terminal, user.Home, exec.Env),
            User = Map(user),
            Capabilities = Capabilities(capabilities, user.Uid),
            NoNewPrivileges = SecurityOptions.Parse(host.SecurityOpt, defaults).NoNewPrivileges,
            Rlimits = Ulimits.Map(defaults?.LimitsFor(host.Ulimits) ?? host.Ulimits),
            OomScoreAdj = (int)(host.OomScoreAdj ?? 0),
            ApparmorProfile = AppArmor.ProfileOf(host),
        };
    }

    private static Process BuildProcess(SpecInput input, IReadOnlyList<string> capabilities, SecurityOptions security)
    {
        var (config, host) = (input.Document.Config, input.Document.HostConfig);
        bool terminal = config.Tty ?? false;
        return new Process
        {
            Terminal = terminal ? true : null,
            ConsoleSize = terminal ? Size(host.ConsoleSize) : null,
            Args = [input.Document.Path, .. input.Document.Args],
            Cwd = Directory(config),
            Env = ProcessEnvironment.Build(input.LinkEnvironment.Count + input.SecretEnvironment.Count > 0 ? [.. input.LinkEnvironment, .. config.Env ?? [], .. input.SecretEnvironment] : config.Env, input.Hostname, terminal, input.User.Home),
            User = Map(input.User),
            Capabilities = Capabilities(capabilities, input.User.Uid),
            NoNewPrivileges = security.NoNewPrivileges,
            Rlimits = Ulimits.Map(input.Defaults.LimitsFor(host.Ulimits)),
            OomScoreAdj = (int)(host.OomScoreAdj ?? 0),
            ApparmorProfile = AppArmor.ProfileOf(host),
        };
    }

    private static string Directory(ContainerConfig config) => config.WorkingDir is { Length: > 0 } directory ? directory : "/";

    private static ConsoleSize? Size(List<long>? size) => size is [> 0 and < 65536, > 0 and < 65536] ? new ConsoleSize { Height = (uint)size[0], Width = (uint)size[1] } : null;

    private static User Map(ResolvedUser user) => new() { Uid = user.Uid, Gid = user.Gid, AdditionalGids = [.. user.Groups] };

    /// <summary>Inheritable and ambient are always empty (CVE-2022-24769); a user other than root holds none, as execve(2) would leave it.</summary>
    private static Capabilities Capabilities(IReadOnlyList<string> capabilities, uint uid) => uid == 0
        ? new Capabilities { Bounding = [.. capabilities], Effective = [.. capabilities], Permitted = [.. capabilities] }
        : new Capabilities { Bounding = [.. capabilities] };

    private static LinuxResources BuildResources(HostConfig host, bool privileged, out List<LinuxDevice> devices)
    {
        var resources = ResourceMapping.Map(host);
        resources.Unified = Config.CgroupFiles.Of(host);
        devices = [];
        if (privileged)
        {
            resources.Devices = [new LinuxDeviceCgroup { Allow = true, Access = "rwm" }];
            DeviceRules.AddAll(devices);
            return resources;
        }
        resources.Devices = DeviceRules.Base();
        foreach (var mapping in host.Devices ?? []) DeviceRules.Add(mapping, devices, resources.Devices);
        foreach (var rule in host.DeviceCgroupRules ?? []) resources.Devices.Add(DeviceRules.ParseRule(rule));
        return resources;
    }

    private static LinuxSeccomp? Seccomp(SecurityOptions security, bool privileged, IReadOnlyList<string> capabilities)
    {
        if (security.SeccompUnconfined) return null;
        if (security.Seccomp is { } profile && !(privileged && security.SeccompIsDefault)) return profile.Evaluate(capabilities, SeccompHost.Current);
        return privileged ? null : SeccompProfile.Default(capabilities);
    }

    /// <summary>Mount events cross between host and container only when a mount of the user asks for it.</summary>
    private static string? Propagation(List<Mount> mounts)
    {
        string? result = null;
        foreach (var mount in mounts)
        {
            if (mount.Options is null) continue;
            if (mount.Options.Contains("shared") || mount.Options.Contains("rshared")) return "shared";
            if (mount.Options.Contains("slave") || mount.Options.Contains("rslave")) result = "rslave";
        }
        return result;
    }
}
