using System.Globalization;
using Wharf.Engine;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Trust;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The flags of <c>wharf daemon</c>, merged with its configuration file into one <see cref="DaemonOptions"/>.</summary>
public static class DaemonCommandLine
{
    /// <summary>What <c>wharf daemon --help</c> prints.</summary>
    public const string Usage = """
        Usage:  wharf daemon [OPTIONS]

        Run the engine that serves the Docker Engine API

        Options:
              --add-runtime list               Another OCI runtime for --runtime, NAME=PATH
              --allow-direct-routing bool      Published ports may be reached at the containers' own addresses too, by machines that route there
              --allowed-registry list          Registry or repository that may be spoken to, host[:port][/path] or *.example.com; no other may
              --authorization-plugin list      Authorization plugin to ask about each request
              --bip string                     Address and prefix length of the default bridge, e.g. 172.30.0.1/16
              --bip6 string                    Address of the default bridge with IPv6, e.g. fd00:1::1/64
              --blocked-registry list          Registry or repository that may not be spoken to, host[:port][/path] or *.example.com
          -b, --bridge string                  The operator's own bridge for the default network, or "none" for no default network
              --bridge-accept-fwmark string    Packets with this firewall mark may go into any bridge: MARK or MARK/MASK
              --buildkit-addr list             Address that serves BuildKit's protocol by itself, for buildx's driver "remote": unix:///path or tcp://address:port
              --cgroup-parent string           Parent cgroup of containers that name none
              --config-file string             JSON configuration file (default /etc/wharf/daemon.json, if it is there)
              --data-root string               Where images, containers and volumes are kept (default /var/lib/wharf)
              --certs-dir list                 Where HOST/*.crt, *.cert and *.key of registries lie (default /etc/wharf/certs.d and /etc/docker/certs.d)
          -D, --debug                          Log every request
              --default-address-pool list      Subnets for new networks: base=10.10.0.0/16,size=24
              --default-cgroupns-mode string   Cgroup namespace of containers that name none: "host" or "private"
              --default-gateway ip             Gateway of the default bridge's containers
              --default-gateway-v6 ip          The same of IPv6
              --default-ipc-mode string        IPC of containers that name none: "private" or "shareable" (default "private")
              --default-network-opt list       Option of new networks: driver=key=value
              --default-runtime string         OCI runtime of containers that name none (default "wharf")
              --default-shm-size bytes         Size of /dev/shm in containers that name none (default 64MiB)
              --default-stop-timeout int       Seconds between the stop signal and KILL for containers that do not say otherwise (default 10)
              --default-ulimit list            Resource limit of processes in all containers: NAME=SOFT[:HARD]
              --dns list                       Name server for containers, instead of the host's
              --dns-opt list                   Resolver option for containers
              --dns-search list                Search domain for containers
              --exec-opt list                  Option of running containers: native.cgroupdriver=cgroupfs|systemd
              --exec-root string               Where run-time state is kept (default /run/wharf)
              --firewall string                "docker" lets containers pass the host's forward rules, "respect" obeys these (default "docker")
              --firewall-backend string        "nftables", "iptables" or "iptables-legacy" (default: what the machine has)
              --fixed-cidr string              Part of the default bridge's subnet for containers
              --fixed-cidr-v6 string           IPv6 subnet of the default bridge
          -G, --group string                   Group that may use the unix socket
              --hooks-dir list                 Directory of hooks (oci-hooks(5)) that are added to containers
          -H, --host list                      Address to serve: unix:///path, tcp://address:port, fd:// (default unix:///run/wharf/wharf.sock)
              --http-proxy string              Proxy for plain HTTP to registries (default: HTTP_PROXY)
              --https-proxy string             Proxy for HTTPS to registries (default: HTTPS_PROXY)
              --image-gc-policy list           Rule by which unused images are removed by themselves, e.g. all,keepDuration=720h,minFreeSpace=20GB (docs/image-gc.md)
              --init                           Run an init in containers that do not say otherwise
              --init-path string               The program for --init
              --insecure-registry list         Registry (host[:port] or CIDR) that may be spoken to without TLS
              --keep-layer-blobs               The same as --layer-blobs keep
              --layer-blobs string             Pulled layers' compressed form: "recipe" to make it again, "keep", or "drop" (default "recipe")
              --layer-recipe-delay int         Seconds without pulls before recipes are made (default 15)
              --host-gateway-ip ip             What "host-gateway" in --add-host stands for
              --icc bool                       Containers of the default bridge may talk to each other (default true)
              --ip ip                          Host address for published ports that name none (default all addresses)
              --ip-forward bool                Turn the machine's forwarding on (default true)
              --ip-masq bool                   Masquerade the default bridge (default true)
              --iptables bool                  Make firewall rules; without, ports are relayed and nothing is masqueraded (default true)
              --ipv6 bool                      IPv6 on the default bridge
              --label list                     Label of this engine, key=value
              --log-driver string              Log driver of containers that name none (default json-file)
              --log-format string              The daemon's own log: "text" or "json" (default text for a terminal and the journal)
          -l, --log-level string               "debug", "info", "warn", "error" or "fatal" (default "info")
              --log-opt list                   Option of that driver, key=value
              --log-program list               Program that containers may have as log driver, binary:///path/to/program?argument=value
              --max-concurrent-downloads int   Layers fetched at a time (default 3)
              --max-concurrent-uploads int     Layers sent at a time (default 5)
              --max-download-attempts int      Tries of a transfer that makes no progress (default 5)
              --no-new-privileges              Containers' processes gain no privileges by execve
              --no-proxy string                Hosts and networks that are reached without a proxy (default: NO_PROXY)
              --metrics-addr string            Address and port that serve /metrics for Prometheus
              --otlp-endpoint string           OTLP/HTTP endpoint that gets a trace of each request
              --mtu int                        MTU of the default bridge (default 1500)
          -p, --pidfile string                 Write the process ID here
              --registry-mirror list           Mirror of docker.io, a URL
              --registry string                Address to serve the images at as a registry, e.g. 127.0.0.1:5000
              --registry-config string         Configuration file of that registry (docs/registry.md)
              --rootless                       Run as an ordinary user, in a user namespace with a network of its own (docs/rootless.md)
              --runtime-path string            The wharf-runtime executable (default: beside wharf)
              --seccomp-profile string         Seccomp profile of containers that name none: a file or "unconfined" (default "builtin")
          -s, --storage-driver string          "overlay2"; "erofs": layers as images of one file; "composefs": their files' contents once for all; "fuse-overlayfs": as overlay2 by a program; "btrfs": containers' roots as snapshots, where the data root is on btrfs; "zfs": as clones of datasets, on ZFS; or "vfs": as plain copies (default: the first that can be used)
              --tls                            Use TLS on tcp addresses; --tls=false serves them without any protection
              --tlscacert string               Trust only clients with a certificate of this CA (default /etc/wharf/ca.pem)
              --tlscert string                 TLS certificate (default /etc/wharf/cert.pem)
              --tlskey string                  TLS key (default /etc/wharf/key.pem)
              --tlsverify                      Use TLS on tcp addresses and demand certificates of clients
              --registries-dir string          Where *.yaml say where GnuPG's signatures of images lie (default /etc/containers/registries.d)
              --trust-policy string            Whose signatures images must have: a file as podman reads it, containers-policy.json(5)
              --validate                       Validate the configuration and exit

        dockerd's other flags are taken too; what they would change is told in the log (docs/compat/api.md).
        """;

    private const string DefaultConfigFile = "/etc/wharf/daemon.json";

    private static readonly Dictionary<string, string> Short = new() { ["-H"] = "--host", ["-D"] = "--debug", ["-G"] = "--group", ["-p"] = "--pidfile", ["-l"] = "--log-level", ["-b"] = "--bridge", ["-s"] = "--storage-driver", ["-v"] = "--version" };
    private static readonly string[] Known =
    [
        "--add-runtime",
        "--allowed-registry",
        "--authorization-plugin",
        "--bip",
        "--blocked-registry",
        "--buildkit-addr",
        "--certs-dir",
        "--config-file",
        "--data-root",
        "--dns",
        "--exec-opt",
        "--exec-root",
        "--group",
        "--host",
        "--http-proxy",
        "--https-proxy",
        "--image-gc-policy",
        "--insecure-registry",
        "--label",
        "--layer-blobs",
        "--layer-recipe-delay",
        "--log-driver",
        "--log-format",
        "--log-level",
        "--log-opt",
        "--max-concurrent-downloads",
        "--max-concurrent-uploads",
        "--max-download-attempts",
        "--metrics-addr",
        "--no-proxy",
        "--otlp-endpoint",
        "--pidfile",
        "--registry",
        "--registry-config",
        "--registry-mirror",
        "--runtime-path",
        "--storage-driver",
        "--tlscacert",
        "--tlscert",
        "--tlskey",
        "--registries-dir",
        "--trust-policy",
        .. NetworkDaemonOptions.Flags,
        .. ContainerDaemonOptions.Flags,
        .. DockerdOptions.Flags,
    ];
    private static readonly string[] Switches = ["--debug", "--keep-layer-blobs", RootlessOptions.Flag, "--tls", "--tlsverify", "--validate", "--version", .. NetworkDaemonOptions.Switches, .. ContainerDaemonOptions.Switches, .. DockerdOptions.Switches];

    /// <summary>Parses, merges and validates; InvalidArgument names the flag or key that is wrong.</summary>
    public static DaemonOptions Parse(IReadOnlyList<string> args)
    {
        var flags = ReadFlags(args);
        bool rootless = Switch(flags, RootlessOptions.Flag) == true;
        var path = One(flags, "--config-file") ?? (rootless ? RootlessOptions.ConfigFile : DefaultConfigFile);
        var file = flags.ContainsKey("--config-file") || File.Exists(path) ? DaemonConfigFile.Read(path) : new DaemonConfigFile();
        RefuseBoth(flags, file);
        var options = Merge(flags, file);
        if (rootless) options = options with { RootlessState = Path.Combine(options.ExecRoot, "namespaces") };
        options.Validate();
        return options;
    }

    private static DaemonOptions Merge(Dictionary<string, List<string>> flags, DaemonConfigFile file) => ContainerDaemonOptions.Apply(NetworkDaemonOptions.Apply(MergeBase(flags, file), flags, file), flags, file);

    private static DaemonOptions MergeBase(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        var defaults = Switch(flags, RootlessOptions.Flag) == true ? RootlessOptions.Defaults(new DaemonOptions()) : new DaemonOptions();
        string execRoot = One(flags, "--exec-root") ?? file.ExecRoot ?? defaults.ExecRoot;
        return defaults with
        {
            Hosts = Many(flags, "--host") ?? file.Hosts ?? defaults.Hosts,
            DataRoot = One(flags, "--data-root") ?? file.DataRoot ?? defaults.DataRoot,
            ExecRoot = execRoot,
            PidFile = One(flags, "--pidfile") ?? file.PidFile,
            Group = One(flags, "--group") ?? file.Group,
            Logging = new LoggingOptions { Format = One(flags, "--log-format") ?? file.LogFormat ?? "", Level = One(flags, "--log-level") ?? file.LogLevel ?? "info", WithoutEffect = DockerdOptions.WithoutEffect(flags, file) },
            Debug = Switch(flags, "--debug") ?? file.Debug ?? false,
            RuntimePath = One(flags, "--runtime-path") ?? file.RuntimePath ?? Path.Combine(Path.GetDirectoryName(Environment.ProcessPath) ?? "/usr/bin", "wharf-runtime"),
            InsecureRegistries = Many(flags, "--insecure-registry") ?? file.InsecureRegistries ?? defaults.InsecureRegistries,
            BlockedRegistries = Many(flags, "--blocked-registry") ?? file.BlockedRegistries ?? defaults.BlockedRegistries,
            AllowedRegistries = Many(flags, "--allowed-registry") ?? file.AllowedRegistries ?? defaults.AllowedRegistries,
            RegistriesDirectory = One(flags, "--registries-dir") ?? file.RegistriesDirectory ?? defaults.RegistriesDirectory,
            TrustPolicy = (One(flags, "--trust-policy") ?? file.TrustPolicy) is { } policy ? TrustPolicyFile.Read(policy) : null,
            RegistryMirrors = Many(flags, "--registry-mirror") ?? file.RegistryMirrors ?? defaults.RegistryMirrors,
            RegistryHosts = file.RegistryHosts?.ToDictionary(entry => entry.Key, entry => (IReadOnlyList<string>)entry.Value) ?? defaults.RegistryHosts,
            CertificateDirectories = Many(flags, "--certs-dir") ?? file.CertificateDirectories ?? defaults.CertificateDirectories,
            HttpProxy = One(flags, "--http-proxy") ?? file.Proxies?.Http,
            HttpsProxy = One(flags, "--https-proxy") ?? file.Proxies?.Https,
            NoProxy = One(flags, "--no-proxy") ?? file.Proxies?.None,
            MaxDownloadAttempts = Number(flags, "--max-download-attempts") ?? file.MaxDownloadAttempts ?? defaults.MaxDownloadAttempts,
            StorageDriver = (One(flags, "--storage-driver") ?? file.StorageDriver) is { } driver ? driver == "overlayfs" ? "overlay2" : driver : defaults.StorageDriver,
            LayerBlobs = LayerBlobsOf(flags, file),
            LayerRecipeDelay = (Number(flags, "--layer-recipe-delay") ?? file.LayerRecipeDelay) is { } delay ? TimeSpan.FromSeconds(delay) : defaults.LayerRecipeDelay,
            RegistryAddress = One(flags, "--registry") ?? file.Registry,
            RegistryConfig = One(flags, "--registry-config") ?? file.RegistryConfig,
            BridgeAddress = One(flags, "--bip") ?? file.Bip,
            Dns = Many(flags, "--dns") ?? file.Dns ?? defaults.Dns,
            ExecOptions = Many(flags, "--exec-opt") ?? file.ExecOptions ?? defaults.ExecOptions,
            CdiDirectories = DockerdOptions.CdiDirectories(flags, file) ?? defaults.CdiDirectories,
            Labels = Many(flags, "--label") ?? file.Labels ?? defaults.Labels,
            Runtimes = Runtimes(flags, file),
            LogDriver = One(flags, "--log-driver") ?? file.LogDriver ?? defaults.LogDriver,
            LogOptions = Many(flags, "--log-opt")?.Select(option => option.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair.Length > 1 ? pair[1] : "") ?? file.LogOpts ?? defaults.LogOptions,
            Transport = MergeTransport(flags, file),
            Builder = file.Builder?.ToOptions() ?? defaults.Builder,
            ImageCollection = ImageCollectionEntry.Of(file.Images?.Collection, Many(flags, "--image-gc-policy")),
            AuthorizationPlugins = Many(flags, "--authorization-plugin") ?? file.AuthorizationPlugins ?? defaults.AuthorizationPlugins,
            MaxConcurrentDownloads = Number(flags, "--max-concurrent-downloads") ?? file.MaxConcurrentDownloads ?? defaults.MaxConcurrentDownloads,
            MaxConcurrentUploads = Number(flags, "--max-concurrent-uploads") ?? file.MaxConcurrentUploads ?? defaults.MaxConcurrentUploads,
        };
    }

    private static TransportOptions MergeTransport(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        var defaults = new TransportOptions();
        return defaults with
        {
            Tls = Switch(flags, "--tls") ?? file.Tls ?? (Switch(flags, "--tlsverify") == false ? false : null),
            TlsVerify = Switch(flags, "--tlsverify") ?? file.TlsVerify ?? false,
            CaFile = One(flags, "--tlscacert") ?? file.TlsCaCert ?? defaults.CaFile,
            CertificateFile = One(flags, "--tlscert") ?? file.TlsCert ?? defaults.CertificateFile,
            KeyFile = One(flags, "--tlskey") ?? file.TlsKey ?? defaults.KeyFile,
            BuildKitAddresses = Many(flags, "--buildkit-addr") ?? file.BuildKitAddresses ?? defaults.BuildKitAddresses,
            MetricsAddress = One(flags, "--metrics-addr") ?? file.MetricsAddress,
            OtlpEndpoint = One(flags, "--otlp-endpoint") ?? file.OtlpEndpoint,
        };
    }

    private static Dictionary<string, IReadOnlyList<string>> Runtimes(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        var runtimes = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var (name, entry) in file.Runtimes ?? []) runtimes[name] = [entry.Path ?? throw WharfException.Invalid($"runtime {name}: no path is given"), .. entry.Arguments ?? []];
        foreach (var text in Many(flags, "--add-runtime") ?? [])
        {
            if (text.Split('=', 2) is not [{ Length: > 0 } name, { Length: > 0 } path]) throw WharfException.Invalid($"invalid runtime argument: {text}: expected NAME=PATH");
            runtimes[name] = [path];
        }
        if (runtimes.ContainsKey("wharf")) throw WharfException.Invalid("runtime name 'wharf' is reserved");
        return runtimes;
    }

    private static Dictionary<string, List<string>> ReadFlags(IReadOnlyList<string> args)
    {
        var flags = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        for (int i = 0; i < args.Count; i++)
        {
            var (name, value) = args[i].IndexOf('=') is > 0 and var at && args[i].StartsWith("--", StringComparison.Ordinal) ? (args[i][..at], args[i][(at + 1)..]) : (args[i], null);
            name = Short.GetValueOrDefault(name, name);
            if (Switches.Contains(name))
            {
                flags[name] = [value switch
                {
                    null or "true" or "1" => "true",
                    "false" or "0" => "false",
                    _ => throw WharfException.Invalid($"invalid argument \"{value}\" for \"{name}\" flag: not true or false"),
                }];
                continue;
            }
            if (!name.StartsWith('-')) throw WharfException.Invalid($"\"wharf daemon\" accepts no arguments: {name}");
            if (!Known.Contains(name)) throw WharfException.Invalid($"unknown flag: {name}");
            value ??= ++i < args.Count ? args[i] : throw WharfException.Invalid($"flag needs an argument: {name}");
            if (!flags.TryGetValue(name, out var values)) flags[name] = values = [];
            values.Add(value);
        }
        return flags;
    }

    private static void RefuseBoth(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        var both = new List<string>();
        void Check(string flag, bool inFile) { if (inFile && flags.ContainsKey("--" + flag)) both.Add(flag); }
        Check("host", file.Hosts is not null);
        Check("data-root", file.DataRoot is not null);
        Check("exec-root", file.ExecRoot is not null);
        Check("pidfile", file.PidFile is not null);
        Check("group", file.Group is not null);
        Check("bip", file.Bip is not null);
        Check("dns", file.Dns is not null);
        Check("exec-opt", file.ExecOptions is not null);
        Check("label", file.Labels is not null);
        Check("log-driver", file.LogDriver is not null);
        Check("log-opt", file.LogOpts is not null);
        Check("image-gc-policy", file.Images?.Collection is not null);
        Check("insecure-registry", file.InsecureRegistries is not null);
        Check("blocked-registry", file.BlockedRegistries is not null);
        Check("allowed-registry", file.AllowedRegistries is not null);
        Check("registries-dir", file.RegistriesDirectory is not null);
        Check("trust-policy", file.TrustPolicy is not null);
        Check("registry-mirror", file.RegistryMirrors is not null);
        Check("certs-dir", file.CertificateDirectories is not null);
        Check("http-proxy", file.Proxies?.Http is not null);
        Check("https-proxy", file.Proxies?.Https is not null);
        Check("no-proxy", file.Proxies?.None is not null);
        Check("max-download-attempts", file.MaxDownloadAttempts is not null);
        Check("keep-layer-blobs", file.KeepLayerBlobs is not null);
        Check("layer-blobs", file.LayerBlobs is not null);
        Check("layer-recipe-delay", file.LayerRecipeDelay is not null);
        Check("storage-driver", file.StorageDriver is not null);
        Check("registry", file.Registry is not null);
        Check("registry-config", file.RegistryConfig is not null);
        Check("runtime-path", file.RuntimePath is not null);
        Check("max-concurrent-downloads", file.MaxConcurrentDownloads is not null);
        Check("max-concurrent-uploads", file.MaxConcurrentUploads is not null);
        Check("tls", file.Tls is not null);
        Check("tlsverify", file.TlsVerify is not null);
        Check("tlscacert", file.TlsCaCert is not null);
        Check("tlscert", file.TlsCert is not null);
        Check("tlskey", file.TlsKey is not null);
        Check("authorization-plugin", file.AuthorizationPlugins is not null);
        Check("buildkit-addr", file.BuildKitAddresses is not null);
        Check("metrics-addr", file.MetricsAddress is not null);
        Check("otlp-endpoint", file.OtlpEndpoint is not null);
        foreach (var (flag, inFile) in NetworkDaemonOptions.InFile(file).Concat(ContainerDaemonOptions.InFile(file))) Check(flag, inFile);
        if (both.Count > 0)
            throw WharfException.Invalid($"the following directives are specified both as a flag and in the configuration file: {string.Join(", ", both)}");
    }

    private static LayerBlobs LayerBlobsOf(Dictionary<string, List<string>> flags, DaemonConfigFile file) => (One(flags, "--layer-blobs") ?? file.LayerBlobs) switch
    {
        "recipe" => LayerBlobs.Recipe,
        "keep" => LayerBlobs.Keep,
        "drop" => LayerBlobs.Drop,
        // A registry that serves what was pulled has the very bytes at hand.
        null => Switch(flags, "--keep-layer-blobs") ?? file.KeepLayerBlobs ?? (One(flags, "--registry") ?? file.Registry) is not null ? LayerBlobs.Keep : LayerBlobs.Recipe,
        var other => throw WharfException.Invalid($"invalid layer-blobs \"{other}\": must be \"recipe\", \"keep\" or \"drop\""),
    };

    private static string? One(Dictionary<string, List<string>> flags, string name) => flags.TryGetValue(name, out var values) ? values[^1] : null;
    private static bool? Switch(Dictionary<string, List<string>> flags, string name) => One(flags, name) is { } text ? text == "true" : null;
    private static List<string>? Many(Dictionary<string, List<string>> flags, string name) => flags.GetValueOrDefault(name);
    private static int? Number(Dictionary<string, List<string>> flags, string name) => One(flags, name) is not { } text ? null :
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number :
        throw WharfException.Invalid($"invalid argument \"{text}\" for \"{name}\" flag: not a whole number");
}
