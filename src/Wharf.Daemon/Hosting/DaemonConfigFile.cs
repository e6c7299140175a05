using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The JSON configuration file; keys as in docker's daemon.json.</summary>
public sealed record DaemonConfigFile
{
    [JsonPropertyName("hosts")] public List<string>? Hosts { get; set; }
    [JsonPropertyName("data-root")] public string? DataRoot { get; set; }
    [JsonPropertyName("exec-root")] public string? ExecRoot { get; set; }
    [JsonPropertyName("exec-opts")] public List<string>? ExecOptions { get; set; }
    [JsonPropertyName("pidfile")] public string? PidFile { get; set; }
    [JsonPropertyName("group")] public string? Group { get; set; }
    [JsonPropertyName("debug")] public bool? Debug { get; set; }
    [JsonPropertyName("runtime-path")] public string? RuntimePath { get; set; }
    [JsonPropertyName("insecure-registries")] public List<string>? InsecureRegistries { get; set; }
    /// <summary>Wharf's own, as the next two: registries and repositories that are not spoken to.</summary>
    [JsonPropertyName("blocked-registries")] public List<string>? BlockedRegistries { get; set; }
    [JsonPropertyName("allowed-registries")] public List<string>? AllowedRegistries { get; set; }
    [JsonPropertyName("registries-dir")] public string? RegistriesDirectory { get; set; }
    [JsonPropertyName("trust-policy")] public string? TrustPolicy { get; set; }
    [JsonPropertyName("registry-mirrors")] public List<string>? RegistryMirrors { get; set; }
    /// <summary>Wharf's own: mirrors of any registry by its domain.</summary>
    [JsonPropertyName("registry-hosts")] public Dictionary<string, List<string>>? RegistryHosts { get; set; }
    [JsonPropertyName("certs-dir")] public List<string>? CertificateDirectories { get; set; }
    [JsonPropertyName("proxies")] public DaemonProxies? Proxies { get; set; }
    [JsonPropertyName("max-download-attempts")] public int? MaxDownloadAttempts { get; set; }
    [JsonPropertyName("keep-layer-blobs")] public bool? KeepLayerBlobs { get; set; }
    [JsonPropertyName("layer-blobs")] public string? LayerBlobs { get; set; }
    [JsonPropertyName("layer-recipe-delay")] public int? LayerRecipeDelay { get; set; }
    [JsonPropertyName("bip")] public string? Bip { get; set; }
    [JsonPropertyName("bip6")] public string? Bip6 { get; set; }
    [JsonPropertyName("bridge")] public string? Bridge { get; set; }
    [JsonPropertyName("bridge-accept-fwmark")] public string? BridgeAcceptFwmark { get; set; }
    [JsonPropertyName("allow-direct-routing")] public bool? AllowDirectRouting { get; set; }
    [JsonPropertyName("default-gateway-v6")] public string? DefaultGatewayV6 { get; set; }
    [JsonPropertyName("firewall-backend")] public string? FirewallBackend { get; set; }
    [JsonPropertyName("ip-forward")] public bool? IpForward { get; set; }
    [JsonPropertyName("iptables")] public bool? Iptables { get; set; }
    [JsonPropertyName("dns")] public List<string>? Dns { get; set; }
    [JsonPropertyName("dns-search")] public List<string>? DnsSearch { get; set; }
    [JsonPropertyName("dns-opts")] public List<string>? DnsOptions { get; set; }
    [JsonPropertyName("default-address-pools")] public List<AddressPoolEntry>? AddressPools { get; set; }
    [JsonPropertyName("default-gateway")] public string? DefaultGateway { get; set; }
    [JsonPropertyName("default-network-opts")] public Dictionary<string, Dictionary<string, string>>? DefaultNetworkOptions { get; set; }
    [JsonPropertyName("firewall")] public string? Firewall { get; set; }
    [JsonPropertyName("fixed-cidr")] public string? FixedCidr { get; set; }
    [JsonPropertyName("fixed-cidr-v6")] public string? FixedCidrV6 { get; set; }
    [JsonPropertyName("host-gateway-ip")] public string? HostGateway { get; set; }
    [JsonPropertyName("icc")] public bool? Icc { get; set; }
    [JsonPropertyName("ip")] public string? Ip { get; set; }
    [JsonPropertyName("ip-masq")] public bool? IpMasquerade { get; set; }
    [JsonPropertyName("ipv6")] public bool? IPv6 { get; set; }
    [JsonPropertyName("mtu")] public int? Mtu { get; set; }
    [JsonPropertyName("labels")] public List<string>? Labels { get; set; }
    [JsonPropertyName("runtimes")] public Dictionary<string, RuntimeEntry>? Runtimes { get; set; }
    [JsonPropertyName("log-driver")] public string? LogDriver { get; set; }
    [JsonPropertyName("log-opts")] public Dictionary<string, string>? LogOpts { get; set; }
    [JsonPropertyName("registry")] public string? Registry { get; set; }
    [JsonPropertyName("registry-config")] public string? RegistryConfig { get; set; }
    [JsonPropertyName("max-concurrent-downloads")] public int? MaxConcurrentDownloads { get; set; }
    [JsonPropertyName("max-concurrent-uploads")] public int? MaxConcurrentUploads { get; set; }
    [JsonPropertyName("tls")] public bool? Tls { get; set; }
    [JsonPropertyName("tlsverify")] public bool? TlsVerify { get; set; }
    [JsonPropertyName("tlscacert")] public string? TlsCaCert { get; set; }
    [JsonPropertyName("tlscert")] public string? TlsCert { get; set; }
    [JsonPropertyName("tlskey")] public string? TlsKey { get; set; }
    [JsonPropertyName("authorization-plugins")] public List<string>? AuthorizationPlugins { get; set; }
    [JsonPropertyName("buildkit-addr")] public List<string>? BuildKitAddresses { get; set; }
    [JsonPropertyName("metrics-addr")] public string? MetricsAddress { get; set; }
    [JsonPropertyName("otlp-endpoint")] public string? OtlpEndpoint { get; set; }

    [JsonPropertyName("builder")] public BuilderEntry? Builder { get; set; }
    [JsonPropertyName("images")] public ImagesEntry? Images { get; set; }
    [JsonPropertyName("log-format")] public string? LogFormat { get; set; }
    [JsonPropertyName("log-level")] public string? LogLevel { get; set; }
    [JsonPropertyName("cgroup-parent")] public string? CgroupParent { get; set; }
    [JsonPropertyName("default-cgroupns-mode")] public string? CgroupnsMode { get; set; }
    [JsonPropertyName("default-ipc-mode")] public string? IpcMode { get; set; }
    [JsonPropertyName("default-runtime")] public string? DefaultRuntime { get; set; }
    [JsonPropertyName("default-shm-size")] public string? ShmSize { get; set; }
    [JsonPropertyName("default-ulimits")] public Dictionary<string, UlimitEntry>? Ulimits { get; set; }
    [JsonPropertyName("init")] public bool? Init { get; set; }
    [JsonPropertyName("default-stop-timeout")] public int? DefaultStopTimeout { get; set; }
    [JsonPropertyName("log-programs")] public List<string>? LogPrograms { get; set; }
    [JsonPropertyName("hooks-dir")] public List<string>? HooksDirectories { get; set; }
    [JsonPropertyName("init-path")] public string? InitPath { get; set; }
    [JsonPropertyName("no-new-privileges")] public bool? NoNewPrivileges { get; set; }
    [JsonPropertyName("seccomp-profile")] public string? SeccompProfile { get; set; }
    [JsonPropertyName("shutdown-timeout")] public int? ShutdownTimeout { get; set; }
    [JsonPropertyName("storage-driver")] public string? StorageDriver { get; set; }
    // Keys that people have in docker's daemon.json (see DockerdOptions).
    [JsonPropertyName("storage-opts")] public List<string>? StorageOptions { get; set; }
    [JsonPropertyName("live-restore")] public bool? LiveRestore { get; set; }
    [JsonPropertyName("userland-proxy")] public bool? UserlandProxy { get; set; }
    [JsonPropertyName("userland-proxy-path")] public string? UserlandProxyPath { get; set; }
    [JsonPropertyName("experimental")] public bool? Experimental { get; set; }
    [JsonPropertyName("features")] public Dictionary<string, bool>? Features { get; set; }
    [JsonPropertyName("containerd")] public string? Containerd { get; set; }
    [JsonPropertyName("containerd-namespace")] public string? ContainerdNamespace { get; set; }
    [JsonPropertyName("containerd-plugin-namespace")] public string? ContainerdPluginNamespace { get; set; }
    [JsonPropertyName("ip6tables")] public bool? Ip6tables { get; set; }
    [JsonPropertyName("ip-forward-no-drop")] public bool? IpForwardNoDrop { get; set; }
    [JsonPropertyName("raw-logs")] public bool? RawLogs { get; set; }
    [JsonPropertyName("selinux-enabled")] public bool? SelinuxEnabled { get; set; }
    [JsonPropertyName("userns-remap")] public string? UsernsRemap { get; set; }
    [JsonPropertyName("cdi-spec-dirs")] public List<string>? CdiSpecDirectories { get; set; }
    [JsonPropertyName("swarm-default-advertise-addr")] public string? SwarmAdvertise { get; set; }
    [JsonPropertyName("network-control-plane-mtu")] public int? NetworkControlPlaneMtu { get; set; }
    [JsonPropertyName("node-generic-resources")] public List<string>? NodeGenericResources { get; set; }

    /// <summary>Reads the file; an unknown key or wrong type is an error that names it.</summary>
    public static DaemonConfigFile Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), DaemonConfigJson.Default.DaemonConfigFile)
                ?? throw WharfException.Invalid($"the configuration file {path} is empty");
        }
        catch (JsonException error)
        {
            throw WharfException.Invalid($"unable to configure the daemon with file {path}: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw WharfException.Invalid($"unable to configure the daemon with file {path}: {error.Message}", error);
        }
    }
}

/// <summary>What builds may do and how large their cache may grow, as in docker's daemon.json. Sizes are text with a unit, or numbers of bytes as text.</summary>
public sealed record BuilderEntry
{
    [JsonPropertyName("entitlements")] public BuilderEntitlements? Entitlements { get; set; }
    [JsonPropertyName("gc")] public BuilderCollection? Collection { get; set; }

    public Engine.Build.BuilderOptions ToOptions()
    {
        var defaults = new Engine.Build.BuilderOptions();
        return defaults with
        {
            HostNetwork = Entitlements?.NetworkHost ?? defaults.HostNetwork, Insecure = Entitlements?.SecurityInsecure ?? defaults.Insecure, Device = Entitlements?.Device ?? defaults.Device, CollectsGarbage = Collection?.Enabled ?? defaults.CollectsGarbage,
            Rules = Collection?.ToRules(DateTimeOffset.UtcNow),
        };
    }
}

/// <summary>What a client may allow the steps of its build.</summary>
public sealed record BuilderEntitlements
{
    [JsonPropertyName("network-host")] public bool? NetworkHost { get; set; }
    [JsonPropertyName("security-insecure")] public bool? SecurityInsecure { get; set; }
    [JsonPropertyName("device")] public bool? Device { get; set; }
}

/// <summary>Proxies for talking to registries, as in docker's daemon.json.</summary>
public sealed record DaemonProxies
{
    [JsonPropertyName("http-proxy")] public string? Http { get; set; }
    [JsonPropertyName("https-proxy")] public string? Https { get; set; }
    [JsonPropertyName("no-proxy")] public string? None { get; set; }
}

/// <summary>One of docker's default-address-pools.</summary>
public sealed record AddressPoolEntry
{
    [JsonPropertyName("base")] public string? Base { get; set; }
    [JsonPropertyName("size")] public int Size { get; set; }
}

/// <summary>One of docker's default-ulimits.</summary>
public sealed record UlimitEntry
{
    public string? Name { get; set; }
    public long Soft { get; set; }
    public long Hard { get; set; }
}

/// <summary>A runtime of the configuration file.</summary>
public sealed record RuntimeEntry
{
    [JsonPropertyName("path")] public string? Path { get; set; }
    [JsonPropertyName("runtimeArgs")] public List<string>? Arguments { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(DaemonConfigFile))]
[JsonSerializable(typeof(int))]
internal sealed partial class DaemonConfigJson : JsonSerializerContext;
