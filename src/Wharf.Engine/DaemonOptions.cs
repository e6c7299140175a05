using System.Security.Cryptography;
using System.Text;
using Wharf.Specs.Errors;

namespace Wharf.Engine;

/// <summary>What the daemon was started with. Made once from flags and config file, validated once; <see cref="Reload"/> alone changes what may change.</summary>
public sealed record DaemonOptions
{
    private LiveOptions _live = new();

    /// <summary>Takes over what may change while the daemon runs from options that were read anew and are valid.</summary>
    public void Reload(DaemonOptions fresh) => Volatile.Write(ref _live, fresh._live);

    /// <summary>Addresses to serve: <c>unix:///path</c>, <c>tcp://address:port</c>, <c>fd://</c> for sockets that systemd opened.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = ["unix:///run/wharf/wharf.sock"];
    /// <summary>Durable state: database, blobs, layers, volumes, logs.</summary>
    public string DataRoot { get; init; } = DefaultDataRoot;
    /// <summary>Run-time state (tmpfs); may be lost at reboot.</summary>
    public string ExecRoot { get; init; } = "/run/wharf";
    public string? PidFile { get; init; }
    /// <summary>Group that may use the unix socket.</summary>
    public string? Group { get; init; }
    public bool Debug { get => _live.Debug; init => _live = _live with { Debug = value }; }
    public LoggingOptions Logging { get; init; } = new();
    /// <summary>The <c>wharf-runtime</c> executable; found beside <c>wharf</c> when not set.</summary>
    public string RuntimePath { get; init; } = "";
    /// <summary>Registries (host, host:port or CIDR) that may be spoken to without TLS; loopback always may.</summary>
    public IReadOnlyList<string> InsecureRegistries { get => _live.InsecureRegistries; init => _live = _live with { InsecureRegistries = value }; }
    /// <summary>Registries and repositories that are not spoken to: <c>host[:port][/path]</c> or <c>*.example.com</c>.</summary>
    public IReadOnlyList<string> BlockedRegistries { get => _live.BlockedRegistries; init => _live = _live with { BlockedRegistries = value }; }
    /// <summary>When there are any, no others are spoken to.</summary>
    public IReadOnlyList<string> AllowedRegistries { get => _live.AllowedRegistries; init => _live = _live with { AllowedRegistries = value }; }
    /// <summary>Whose signatures images must have to be pulled; null asks for none.</summary>
    public Images.Trust.TrustPolicy? TrustPolicy { get => _live.TrustPolicy; init => _live = _live with { TrustPolicy = value }; }
    /// <summary>Where files of containers-registries.d(5) say where GnuPG's signatures of images lie.</summary>
    public string RegistriesDirectory { get; init; } = "/etc/containers/registries.d";
    /// <summary>Mirrors of docker.io, URLs in the order to ask them.</summary>
    public IReadOnlyList<string> RegistryMirrors { get => _live.RegistryMirrors; init => _live = _live with { RegistryMirrors = value }; }
    /// <summary>Mirrors of any registry: its domain, and URLs in the order to ask them before the registry itself.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> RegistryHosts { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
    /// <summary>Where <c>HOST[:PORT]/*.crt</c>, <c>*.cert</c> and <c>*.key</c> of registries lie.</summary>
    public IReadOnlyList<string> CertificateDirectories { get; init; } = ["/etc/wharf/certs.d", "/etc/docker/certs.d"];
    /// <summary>Proxies for talking to registries; null takes the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY.</summary>
    public string? HttpProxy { get; init; }
    public string? HttpsProxy { get; init; }
    public string? NoProxy { get; init; }
    /// <summary>How often a transfer that makes no progress is tried.</summary>
    public int MaxDownloadAttempts { get => _live.MaxDownloadAttempts; init => _live = _live with { MaxDownloadAttempts = value }; }
    /// <summary>What becomes of the compressed form of a pulled layer.</summary>
    public Images.LayerBlobs LayerBlobs { get; init; }
    /// <summary>How long nothing must have been pulled before recipes are made.</summary>
    public TimeSpan LayerRecipeDelay { get; init; } = TimeSpan.FromSeconds(15);
    /// <summary>
    /// <c>overlay2</c>; <c>fuse-overlayfs</c>: as that, by a program; <c>btrfs</c>: a container's root is a snapshot of its layers, where the data root lies on btrfs; or
    /// <c>vfs</c>: it is a plain copy of them. Null: the first of these that can be.
    /// </summary>
    public string? StorageDriver { get; init; }
    /// <summary>Address of the default bridge with its prefix length, e.g. <c>172.17.0.1/16</c>; null picks a free pool.</summary>
    public string? BridgeAddress { get; init; }
    /// <summary>There is no default bridge: containers that name no network get none (<c>--bridge none</c>).</summary>
    public bool NoDefaultBridge => BridgeName == "none";
    public IReadOnlyList<string> Dns { get; init; } = [];
    public IReadOnlyList<string> DnsSearch { get; init; } = [];
    public IReadOnlyList<string> DnsOptions { get; init; } = [];
    /// <summary>Where networks without a subnet of their own get one from; empty for docker's pools.</summary>
    public IReadOnlyList<Networks.AddressPool> AddressPools { get; init; } = [];
    /// <summary>Host address of published ports that name none; null for all addresses.</summary>
    public string? DefaultHostAddress { get; init; }
    /// <summary>What <c>host-gateway</c> stands for; null for the host's address on the default bridge.</summary>
    public string? HostGateway { get; init; }
    /// <summary>The host's own FORWARD rules apply to containers too.</summary>
    public bool RespectHostFirewall { get; init; }
    /// <summary>False makes no rules at all: docker's <c>iptables=false</c>.</summary>
    public bool UsesFirewall { get; init; } = true;
    /// <summary><c>nftables</c>, <c>iptables</c>, <c>iptables-legacy</c>, or empty for what the machine has.</summary>
    public string FirewallBackend { get; init; } = "";
    /// <summary>Published ports may be reached at the containers' own addresses too, by machines that route there.</summary>
    public bool AllowsDirectRouting { get; init; }
    /// <summary>Packets with this firewall mark may go into any bridge: a mark and its mask.</summary>
    public (uint Mark, uint Mask)? AcceptMark { get; init; }
    /// <summary>Whether the machine's forwarding of packets is turned on.</summary>
    public bool ForwardsPackets { get; init; } = true;
    /// <summary>A bridge of the operator's for the default network, or <c>none</c> for no default network; null for one of our own.</summary>
    public string? BridgeName { get; init; }
    /// <summary>As <see cref="BridgeAddress"/>, of IPv6; and the IPv6 gateway of the default network.</summary>
    public string? BridgeAddress6 { get; init; }
    public string? DefaultGateway6 { get; init; }
    /// <summary>Containers of the default bridge may talk to each other; they reach out under the host's address.</summary>
    public bool Icc { get; init; } = true;
    public bool Masquerade { get; init; } = true;
    public int Mtu { get; init; } = 1500;
    public bool IPv6 { get; init; }
    /// <summary>The part of the default bridge's subnet that containers get addresses from, and its IPv6 subnet.</summary>
    public string? FixedCidr { get; init; }
    public string? FixedCidrV6 { get; init; }
    public string? DefaultGateway { get; init; }
    /// <summary>Options of new networks by driver.</summary>
    public IReadOnlyDictionary<string, Dictionary<string, string>> DefaultNetworkOptions { get; init; } = new Dictionary<string, Dictionary<string, string>>();
    /// <summary>Address, HOST:PORT, to serve the images at as a registry; null does not.</summary>
    public string? RegistryAddress { get; init; }
    /// <summary>The configuration of that registry (docs/registry.md).</summary>
    public string? RegistryConfig { get; init; }
    public int MaxConcurrentDownloads { get => _live.MaxConcurrentDownloads; init => _live = _live with { MaxConcurrentDownloads = value }; }
    public int MaxConcurrentUploads { get => _live.MaxConcurrentUploads; init => _live = _live with { MaxConcurrentUploads = value }; }
    public Limits Limits { get; init; } = new();
    public Build.BuilderOptions Builder { get; init; } = new();
    /// <summary>How unused images are removed by themselves.</summary>
    public Images.Collection.ImageCollection ImageCollection { get => _live.ImageCollection; init => _live = _live with { ImageCollection = value }; }
    public TransportOptions Transport { get; init; } = new();
    /// <summary>Names of authorization plugins (protocol v1), asked in this order.</summary>
    public IReadOnlyList<string> AuthorizationPlugins { get => _live.AuthorizationPlugins; init => _live = _live with { AuthorizationPlugins = value }; }
    public IReadOnlyList<string> Labels { get => _live.Labels; init => _live = _live with { Labels = value }; }
    /// <summary>Where files of the Container Device Interface lie, the later before the earlier; empty turns it off.</summary>
    public IReadOnlyList<string> CdiDirectories { get; init; } = ["/etc/cdi", "/var/run/cdi"];
    /// <summary>Options of running containers, <c>key=value</c>: <c>native.cgroupdriver</c> is <c>cgroupfs</c> or <c>systemd</c>.</summary>
    public IReadOnlyList<string> ExecOptions { get; init; } = [];

    /// <summary>Where the state of the namespaces is that a daemon of an ordinary user runs in (<c>--rootless</c>); null for a daemon of root.</summary>
    public string? RootlessState { get; init; }

    /// <summary>Containers are systemd's scopes.</summary>
    public bool SystemdCgroup => ExecOptions.Any(option => option.Equals("native.cgroupdriver=systemd", StringComparison.OrdinalIgnoreCase));
    /// <summary>Other OCI runtimes by the names that <c>--runtime</c> takes: program and arguments.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Runtimes { get => _live.Runtimes; init => _live = _live with { Runtimes = value }; }
    /// <summary>The runtime of containers that name none.</summary>
    public string DefaultRuntime { get => _live.DefaultRuntime; init => _live = _live with { DefaultRuntime = value }; }
    /// <summary>Bytes of /dev/shm in containers that name no size.</summary>
    public long DefaultShmSize { get => _live.DefaultShmSize; init => _live = _live with { DefaultShmSize = value }; }
    /// <summary>Seconds. Told in the event of a reload; containers outlive the daemon, so it waits for none.</summary>
    public int ShutdownTimeout { get => _live.ShutdownTimeout; init => _live = _live with { ShutdownTimeout = value }; }
    /// <summary>Seconds between the stop signal and KILL for containers that do not say otherwise; 0 kills at once. Not kept with containers: a reload changes it for all.</summary>
    public int DefaultStopTimeout { get => _live.DefaultStopTimeout; init => _live = _live with { DefaultStopTimeout = value }; }
    /// <summary>Programs of the host's that containers may have as log drivers; absolute paths.</summary>
    public IReadOnlyList<string> LogPrograms { get => _live.LogPrograms; init => _live = _live with { LogPrograms = value }; }
    public Containers.Config.ContainerDefaults ContainerDefaults { get; init; } = new();
    /// <summary>Log driver of containers that name none, and its options.</summary>
    public string LogDriver { get; init; } = Containers.Config.LogRules.Default;
    public IReadOnlyDictionary<string, string> LogOptions { get; init; } = new Dictionary<string, string>();

    private const string DefaultDataRoot = "/var/lib/wharf";

    /// <summary>The engine of the machine, and not one of several.</summary>
    public bool HasDefaultDataRoot => Path.GetFullPath(DataRoot) == DefaultDataRoot;

    /// <summary>Eight hex digits that tell this daemon's interfaces, cgroups and firewall tables from those of any other on the machine.</summary>
    public string InstanceTag => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(DataRoot))))[..8];

    /// <summary>Throws an InvalidArgument error that names the option.</summary>
    public void Validate()
    {
        Logging.Validate();
        ContainerDefaults.Validate();
        if (!Containers.Config.HostConfigRules.IsRuntime(DefaultRuntime, Runtimes)) throw WharfException.Invalid($"specified default runtime '{DefaultRuntime}' does not exist");
        if (DefaultStopTimeout < 0) throw WharfException.Invalid($"invalid default-stop-timeout: {DefaultStopTimeout}: must not be negative");
        foreach (var program in LogPrograms)
            if (!Containers.Config.LogProgram.IsPath(program)) throw WharfException.Invalid($"invalid value \"{program}\" for option \"log-programs\": not an absolute path of a program");
        if (DefaultShmSize <= 0) throw WharfException.Invalid("default-shm-size must be greater than 0");
        foreach (var label in Labels)
            if (label.IndexOf('=') < 1) throw WharfException.Invalid($"bad attribute format: {label}");
        RequireAbsolute(DataRoot, "data-root");
        RequireAbsolute(ExecRoot, "exec-root");
        Transport.Validate(Hosts);
        // sun_path holds 108 bytes (unix(7)); the shim's socket has the longest name.
        if (Encoding.UTF8.GetByteCount(ExecRoot) > 80)
            throw WharfException.Invalid($"invalid value \"{ExecRoot}\" for option \"exec-root\": longer than 80 bytes");
        Containers.Config.LogRules.Check(new Specs.DockerApi.HostConfigLogConfig { Type = LogDriver, Config = new Dictionary<string, string>(LogOptions) });
        Containers.Config.LogProgram.RequireAllowed(LogDriver, LogPrograms);
        if (LogDriver == Containers.Config.LogRules.Passthrough) throw WharfException.Invalid("log-driver passthrough is for single containers: it needs the streams of a client");
        if (StorageDriver is not (null or "overlay2" or "erofs" or "composefs" or "fuse-overlayfs" or "btrfs" or "zfs" or "vfs")) throw WharfException.Invalid($"storage-driver \"{StorageDriver}\" is not supported: there are overlay2, erofs, composefs, fuse-overlayfs, btrfs, zfs and vfs");
        if (StorageDriver is "erofs" or "composefs" && RootlessState is not null) throw WharfException.Invalid($"storage-driver \"{StorageDriver}\" needs a daemon with root's rights, which --rootless has not: choose overlay2, fuse-overlayfs or vfs");
        if (MaxConcurrentDownloads < 1) throw WharfException.Invalid($"invalid value {MaxConcurrentDownloads} for option \"max-concurrent-downloads\": must be at least 1");
        foreach (var option in ExecOptions)
        {
            if (option.Split('=', 2) is not [var key, var value]) throw WharfException.Invalid($"unable to parse key/value option: {option}");
            if (!key.Equals("native.cgroupdriver", StringComparison.OrdinalIgnoreCase)) throw WharfException.Invalid($"invalid value \"{option}\" for option \"exec-opts\": only native.cgroupdriver is known");
            if (value is not ("cgroupfs" or "systemd")) throw WharfException.Invalid($"native.cgroupdriver option {value} not supported");
        }
        if (SystemdCgroup && !Directory.Exists("/run/systemd/system")) throw WharfException.Invalid("native.cgroupdriver=systemd: systemd is not running on this machine");
        if (MaxDownloadAttempts < 1) throw WharfException.Invalid($"invalid value {MaxDownloadAttempts} for option \"max-download-attempts\": must be at least 1");
        foreach (var mirror in RegistryMirrors.Concat(RegistryHosts.Values.SelectMany(mirrors => mirrors)))
        {
            if (!Uri.TryCreate(mirror, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw WharfException.Invalid($"invalid mirror: unsupported scheme \"{mirror.Split(':')[0]}\" in \"{mirror}\": must use either 'https://' or 'http://'");
            if (url.AbsolutePath != "/" || url.Query.Length > 0 || url.Fragment.Length > 0) throw WharfException.Invalid($"invalid mirror: path, query, or fragment at end of the URI \"{mirror}\"");
            if (url.UserInfo.Length > 0) throw WharfException.Invalid("invalid mirror: username/password not allowed in URI");
        }
        foreach (var (option, patterns) in (ReadOnlySpan<(string, IReadOnlyList<string>)>)[("blocked-registries", BlockedRegistries), ("allowed-registries", AllowedRegistries)])
            if (patterns.FirstOrDefault(static pattern => !System.Text.RegularExpressions.Regex.IsMatch(pattern, @"^(\*\.)?[A-Za-z0-9\[\]:._-]+(/[a-z0-9._-]+)*\z") || pattern.StartsWith("*.", StringComparison.Ordinal) && pattern.Contains('/')) is { } bad)
                throw WharfException.Invalid($"invalid value \"{bad}\" for option \"{option}\": expected host[:port][/path] or *.example.com");
        if (MaxConcurrentUploads < 1) throw WharfException.Invalid($"invalid value {MaxConcurrentUploads} for option \"max-concurrent-uploads\": must be at least 1");
    }

    private static void RequireAbsolute(string path, string option)
    {
        if (!Path.IsPathRooted(path)) throw WharfException.Invalid($"invalid value \"{path}\" for option \"{option}\": not an absolute path");
    }
}

/// <summary>Bounds on what others may send. Bytes unless the name says otherwise.</summary>
public sealed record Limits
{
    public long MaxJsonBody { get; init; } = 16L << 20;
    public long MaxManifest { get; init; } = 4L << 20;
    /// <summary>Tags of one repository that are listed for a pull of all.</summary>
    public int MaxTags { get; init; } = 100_000;
    public long MaxImageConfig { get; init; } = 8L << 20;
    public int MaxLayers { get; init; } = 127;
    /// <summary>How much larger than its compressed form a layer may become.</summary>
    public int MaxDecompressionRatio { get; init; } = 1100;
    public long MaxLayerEntries { get; init; } = 10_000_000;
    /// <summary>Files of an image archive (load): blobs and documents.</summary>
    public int MaxArchiveMembers { get; init; } = 100_000;
    public int MaxTarNameLength { get; init; } = 4096;
    /// <summary>Storage driver composefs: the fewest bytes of a file whose content is kept apart from its layer's image. To lead to it takes about as many.</summary>
    public int MinObjectSize { get; init; } = 65;
    /// <summary>One PAX or GNU extension header of a tar entry: its long names and extended attributes.</summary>
    public int MaxTarExtension { get; init; } = 1 << 20;
    /// <summary>Pieces of one sparse file.</summary>
    public int MaxSparsePieces { get; init; } = 1 << 20;
    /// <summary>All of a layer unpacked, holes of sparse files counted.</summary>
    public long MaxLayerBytes { get; init; } = 1L << 40;
    /// <summary>Unpacked bytes that are let through before <see cref="MaxDecompressionRatio"/> counts: a short stream of zeros compresses better than any limit.</summary>
    public long DecompressionAllowance { get; init; } = 1L << 30;
    public long MaxPasswdFile { get; init; } = 4L << 20;
    public long MaxDockerfile { get; init; } = 8L << 20;
}
