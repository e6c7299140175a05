using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>What requests of older API versions mean: fields they did not have are not read or refused, defaults are those of their time (the API's history).</summary>
public static class VersionedRequests
{
    /// <summary>Makes of a request to create a container what it means today; gives the warnings that go with it.</summary>
    public static List<string> Create(ApiVersion version, ContainerCreateRequest request)
    {
        var warnings = new List<string>();
        var host = request.HostConfig;
        if (host is not null) Host(version, host);
        if (host?.Sysctls is { Count: > 0 } sysctls) InterfaceSysctls(version, sysctls, request, warnings);
        foreach (var mount in host?.Mounts ?? []) Mount(version, mount);
        if (version >= new ApiVersion(1, 44)) return warnings;
        if (request.Healthcheck is { } health) health.StartInterval = null;
        // A container had one MAC address, of its main network.
        if (request.MacAddress is { Length: > 0 } && host?.NetworkMode is { } mode && (mode is "host" or "none" || mode.StartsWith("container:", StringComparison.Ordinal)))
            throw WharfException.Invalid("conflicting options: mac-address and the network mode");
        foreach (var endpoint in (request.NetworkingConfig?.EndpointsConfig ?? []).Values)
            if (endpoint is not null) (endpoint.MacAddress, endpoint.GwPriority) = (null, null);
        if (request.NetworkingConfig?.EndpointsConfig is { Count: > 1 } endpoints)
            throw WharfException.Invalid($"Container cannot be created with multiple network endpoints: {string.Join(", ", endpoints.Keys)}");
        return warnings;
    }

    /// <summary>Settings of one interface belong to its endpoint since 1.48; before, those of eth0 were moved there.</summary>
    private static void InterfaceSysctls(ApiVersion version, Dictionary<string, string> sysctls, ContainerCreateRequest request, List<string> warnings)
    {
        foreach (var (key, value) in sysctls.ToList())
        {
            if (key.Split('.') is not ["net", "ipv4" or "ipv6" or "mpls", var group, { Length: > 3 } name, var setting] || !name.StartsWith("eth", StringComparison.Ordinal)) continue;
            if (version >= new ApiVersion(1, 48) || name != "eth0")
                throw new WharfException(ErrorKind.Internal, $"interface specific sysctl setting \"{key}\" must be supplied using driver option '{Option}'");
            var endpoints = (request.NetworkingConfig ??= new NetworkingConfig()).EndpointsConfig ??= [];
            var network = request.HostConfig!.NetworkMode is { Length: > 0 } mode && mode != "default" ? mode : "bridge";
            var endpoint = endpoints.GetValueOrDefault(network) ?? (endpoints[network] = new EndpointSettings());
            var moved = $"net.{key.Split('.')[1]}.{group}.IFNAME.{setting}={value}";
            var options = endpoint.DriverOpts ??= [];
            options[Option] = options.TryGetValue(Option, out var others) && others.Length > 0 ? $"{others},{moved}" : moved;
            sysctls.Remove(key);
            warnings.Add($"Migrated sysctl \"{key}\" to DriverOpts{{\"{Option}\":\"{moved}\"}}.");
        }
    }

    private const string Option = "com.docker.network.endpoint.sysctls";

    /// <summary>Until 1.39 the number of processes could not be changed, from 1.42 kernel memory cannot.</summary>
    public static void Update(ApiVersion version, ContainerUpdateRequest request)
    {
        if (version < new ApiVersion(1, 40)) request.PidsLimit = null;
        if (version >= new ApiVersion(1, 42)) request.KernelMemory = null;
    }

    /// <summary>Until 1.47 every network had IPv4.</summary>
    public static void Network(ApiVersion version, NetworkCreateRequest request)
    {
        if (version < new ApiVersion(1, 48)) request.EnableIPv4 = null;
    }

    private static void Host(ApiVersion version, HostConfig host)
    {
        // Until 1.24 it was the client that removed the container.
        if (version < new ApiVersion(1, 25)) host.AutoRemove = false;
        if (version < new ApiVersion(1, 40))
        {
            host.KernelMemoryTCP = null;
            if (string.IsNullOrEmpty(host.IpcMode)) host.IpcMode = "shareable";
        }
        if (version < new ApiVersion(1, 41) && string.IsNullOrEmpty(host.CgroupnsMode)) host.CgroupnsMode = "host";
        if (version < new ApiVersion(1, 42)) host.ConsoleSize = null;
        else host.KernelMemory = null;
        if (version < new ApiVersion(1, 43)) host.Annotations = null;
    }

    private static void Mount(ApiVersion version, Mount mount)
    {
        if (version < new ApiVersion(1, 40) && mount.BindOptions is { } old) old.NonRecursive = null;
        if (version < new ApiVersion(1, 42))
        {
            // Not looked at then, so not to be complained of now.
            if (mount.BindOptions is { } bind) bind.CreateMountpoint = null;
            if (mount.Type != "volume") mount.VolumeOptions = null;
            if (mount.Type != "tmpfs") mount.TmpfsOptions = null;
            if (mount.Type != "bind") mount.BindOptions = null;
        }
        if (version < new ApiVersion(1, 44) && mount.Type == "bind")
        {
            if (mount.BindOptions?.ReadOnlyForceRecursive == true) throw WharfException.Invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
            // Read-only mounts have only since been so all the way down.
            if (mount.ReadOnly == true) (mount.BindOptions ??= new MountBindOptions()).ReadOnlyNonRecursive = true;
        }
        if (version < new ApiVersion(1, 45) && mount.VolumeOptions?.Subpath is { Length: > 0 }) throw WharfException.Invalid("VolumeOptions.Subpath needs API v1.45 or newer");
        if (version < new ApiVersion(1, 48) && mount.Type == "image") throw WharfException.Invalid("Mount type \"Image\" needs API v1.48 or newer");
    }
}
