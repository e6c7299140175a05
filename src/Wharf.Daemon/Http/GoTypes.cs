using System.Collections.Frozen;

namespace Wharf.Daemon.Http;

/// <summary>What the types of the API's bodies are called in docker's answers to bodies that do not fit them.</summary>
internal static class GoTypes
{
    private static readonly FrozenDictionary<string, string> Names = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ContainerCreateRequest"] = "container.CreateRequest", ["ContainerConfig"] = "container.CreateRequest", ["ContainerUpdateRequest"] = "container.UpdateConfig",
        ["ExecConfig"] = "container.ExecOptions", ["ExecStartConfig"] = "container.ExecStartOptions", ["HostConfig"] = "container.HostConfig",
        ["HealthConfig"] = "container.HealthConfig", ["RestartPolicy"] = "container.RestartPolicy", ["HostConfigLogConfig"] = "container.LogConfig",
        ["HostConfigUlimits"] = "container.Ulimit", ["DeviceMapping"] = "container.DeviceMapping", ["DeviceRequest"] = "container.DeviceRequest",
        ["Mount"] = "mount.Mount", ["MountBindOptions"] = "mount.BindOptions", ["MountVolumeOptions"] = "mount.VolumeOptions", ["MountTmpfsOptions"] = "mount.TmpfsOptions",
        ["NetworkingConfig"] = "network.NetworkingConfig", ["EndpointSettings"] = "network.EndpointSettings", ["EndpointIpamConfig"] = "network.EndpointIPAMConfig",
        ["NetworkCreateRequest"] = "network.CreateRequest", ["NetworkConnectRequest"] = "network.ConnectOptions", ["NetworkDisconnectRequest"] = "network.DisconnectOptions",
        ["Ipam"] = "network.IPAM", ["IpamConfig"] = "network.IPAMConfig", ["ConfigReference"] = "network.ConfigReference",
        ["VolumeCreateOptions"] = "volume.CreateOptions", ["AuthConfig"] = "registry.AuthConfig", ["PortBinding"] = "nat.PortBinding", ["Platform"] = "v1.Platform",
        ["String"] = "string", ["Boolean"] = "bool", ["Int32"] = "int64", ["Int64"] = "int64", ["Double"] = "float64", ["Byte"] = "uint8",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The Go type of one of ours; its own name where docker has none.</summary>
    public static string Of(string type) => Names.GetValueOrDefault(type, type);

    /// <summary>The struct that fields of a body are told of. A container's configuration is embedded in the body, and has no name there.</summary>
    public static string Struct(string root) => root is "container.CreateRequest" or "container.Config" or "registry.AuthConfig" || !root.Contains('.') ? "" : root[(root.IndexOf('.') + 1)..];

    /// <summary>The type that was wanted, from the message of System.Text.Json.</summary>
    public static string Wanted(string message)
    {
        const string Mark = "could not be converted to ";
        int at = message.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0) return "value";
        var name = message[(at + Mark.Length)..];
        name = name.IndexOf(". Path", StringComparison.Ordinal) is >= 0 and var end ? name[..end] : name.TrimEnd('.');
        if (name.Contains("Dictionary`2", StringComparison.Ordinal)) return "map[string]" + Of(Last(name));
        if (name.Contains("List`1", StringComparison.Ordinal) || name.EndsWith("[]", StringComparison.Ordinal)) return "[]" + Of(Last(name));
        return Of(Last(name));
    }

    /// <summary><c>Mount</c> of <c>System.Collections.Generic.List`1[Wharf.Specs.DockerApi.Mount]</c>.</summary>
    private static string Last(string name)
    {
        var bare = name.TrimEnd('[', ']');
        return bare[(bare.LastIndexOfAny(['.', ',', '[']) + 1)..];
    }
}
