using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>The flags that describe a container: shared by run and create.</summary>
internal sealed partial class ContainerFlags
{
    private readonly FlagSet flags;
    private readonly ListFlag addHost, attach, capAdd, capDrop, device, deviceCgroupRule;
    private readonly ListFlag dns, dnsOption, dnsSearch, environment, environmentFile, expose, groupAdd, label, labelFile, link, linkLocalIp, logOpt, mount, network, networkAlias;
    private readonly ListFlag publish, cgroupConf, secret, securityOpt, storageOpt, sysctl, tmpfs, ulimit, volume, volumesFrom, gpus;
    private readonly MapFlag annotation;
    private readonly IntFlag blkioWeight, cpuCount, cpuPercent, cpuPeriod, cpuQuota, cpuRtPeriod, cpuRtRuntime, cpuShares, ioMaxIops, memorySwappiness, oomScoreAdj, pidsLimit, stopTimeout, healthStartupRetries, healthStartupSuccess;
    private readonly StringFlag cgroupParent, cgroupNs, cidFile, cpusetCpus, cpusetMems, domainName, entrypoint, healthStartupCommand, healthStartupInterval, healthStartupTimeout, onUnhealthy, hostName, ip, ip6, ipc, isolation, logDriver, macAddress;
    private readonly StringFlag name, pid, restart, runtime, stopSignal, timeNs, user, userNs, uts, volumeDriver, workingDirectory;
    private readonly CpusFlag cpus;
    private readonly HealthFlags health;
    private readonly BlockDeviceFlags blockDevices;
    private readonly BoolFlag init, interactive, oomKillDisable, privileged, publishAll, readOnly, autoRemove, systemd, tty, useApiSocket;
    private readonly BytesFlag ioMaxBandwidth, memory, memoryReservation, memorySwap, shmSize;

    public ContainerFlags(FlagSet flags)
    {
        this.flags = flags;
        flags.Interspersed = false;
        addHost = Checked("add-host", '\0', "Extra line for /etc/hosts (host:ip)", FlagChecks.AddHost);
        annotation = flags.Map("annotation", "Annotation that the OCI runtime gets to see");
        attach = Checked("attach", 'a', "Attach to stdin, stdout or stderr", FlagChecks.Stream);
        blkioWeight = flags.Add(new IntFlag("blkio-weight", '\0', "Share of block I/O from 10 to 1000; 0 turns it off", typeName: "uint16") { DefaultText = "0" });
        blockDevices = new BlockDeviceFlags(flags);
        capAdd = flags.List("cap-add", "Linux capabilities to add");
        capDrop = flags.List("cap-drop", "Linux capabilities to take away");
        cgroupConf = flags.List("cgroup-conf", "Value of a cgroup v2 file (memory.high=1073741824)");
        cgroupParent = flags.String("cgroup-parent", "Parent of the container's cgroup");
        cgroupNs = flags.String("cgroupns", "Cgroup namespace: 'host', 'private', or empty for the daemon's default");
        cidFile = flags.String("cidfile", "File to write the container's ID to");
        cpuCount = Hidden(new IntFlag("cpu-count", '\0', "Number of CPUs (Windows only)") { Hidden = true });
        cpuPercent = Hidden(new IntFlag("cpu-percent", '\0', "Percent of CPU (Windows only)") { Hidden = true });
        cpuPeriod = flags.Int("cpu-period", "Period of the CPU limit (CFS) in microseconds");
        cpuQuota = flags.Int("cpu-quota", "CPU time in each period (CFS) in microseconds");
        cpuRtPeriod = flags.Int("cpu-rt-period", "Period of the real-time CPU limit in microseconds");
        cpuRtRuntime = flags.Int("cpu-rt-runtime", "Real-time CPU time in each period in microseconds");
        cpuShares = flags.Int("cpu-shares", 'c', "Relative weight of CPU time");
        cpus = flags.Add(new CpusFlag("cpus", "Number of CPUs"));
        cpusetCpus = flags.String("cpuset-cpus", "CPUs it may run on (0-3, 0,1)");
        cpusetMems = flags.String("cpuset-mems", "Memory nodes it may use (0-3, 0,1)");
        device = flags.List("device", "Device of the host to give to the container");
        deviceCgroupRule = Checked("device-cgroup-rule", '\0', "Rule for the devices the cgroup allows", FlagChecks.DeviceCgroupRule);
        IsUntrusted = ContentTrust.Add(flags, "Do not verify the image's signature");
        dns = Checked("dns", '\0', "DNS servers", FlagChecks.Address);
        dnsOption = flags.List("dns-option", "DNS options");
        flags.Alias("dns-opt", dnsOption);
        dnsSearch = Checked("dns-search", '\0', "DNS search domains", FlagChecks.SearchDomain);
        domainName = flags.String("domainname", "NIS domain name of the container");
        entrypoint = flags.String("entrypoint", "Program to run in place of the image's ENTRYPOINT; a JSON array for one with arguments");
        environment = Checked("env", 'e', "Environment variable", FlagChecks.Variable);
        environmentFile = flags.List("env-file", "File of environment variables");
        expose = flags.List("expose", "Port or range of ports to expose");
        gpus = Checked("gpus", '\0', "GPUs to add to the container ('all' for every one)", FlagChecks.Gpus, "gpu-request");
        groupAdd = flags.List("group-add", "More groups to join");
        health = new HealthFlags(flags);
        healthStartupCommand = flags.String("health-startup-cmd", "Command that is run in place of the health check until it has succeeded");
        healthStartupInterval = flags.Add(new StringFlag("health-startup-interval", '\0', "Time between startup checks (ms|s|m|h)", typeName: "duration") { Check = FlagChecks.Duration });
        healthStartupRetries = flags.Add(new IntFlag("health-startup-retries", '\0', "Failures in a row that end the container, for its restart policy to begin it anew; 0 for never", typeName: "uint") { DefaultText = "0" });
        healthStartupSuccess = flags.Add(new IntFlag("health-startup-success", '\0', "Successes in a row before the health check takes over; 0 for one", typeName: "uint") { DefaultText = "0" });
        healthStartupTimeout = flags.Add(new StringFlag("health-startup-timeout", '\0', "Longest time one startup check may take (ms|s|m|h)", typeName: "duration") { Check = FlagChecks.Duration });
        hostName = flags.String("hostname", 'h', "Host name of the container");
        init = flags.Bool("init", "Run an init inside that forwards signals and reaps processes");
        interactive = flags.Bool("interactive", 'i', "Keep stdin open even if not attached");
        ioMaxBandwidth = Hidden(new BytesFlag("io-maxbandwidth", '\0', "I/O bandwidth limit of the system drive (Windows only)") { Hidden = true });
        ioMaxIops = Hidden(new IntFlag("io-maxiops", '\0', "I/O operations limit of the system drive (Windows only)", typeName: "uint") { Hidden = true });
        ip = flags.String("ip", "IPv4 address (e.g., 172.30.100.104)");
        ip6 = flags.String("ip6", "IPv6 address (e.g., 2001:db8::33)");
        ipc = flags.String("ipc", "IPC mode");
        isolation = flags.String("isolation", "Isolation technology");
        flags.Bytes("kernel-memory", "Without effect: the kernel has no such limit any more");
        label = Checked("label", 'l', "Label on the container", FlagChecks.Label);
        labelFile = flags.List("label-file", "File of one label a line");
        link = Checked("link", '\0', "Link to another container", FlagChecks.Link);
        linkLocalIp = flags.List("link-local-ip", "IPv4 or IPv6 link-local addresses");
        logDriver = flags.String("log-driver", "Log driver of the container");
        logOpt = flags.List("log-opt", "Options of the log driver");
        macAddress = flags.String("mac-address", "MAC address (e.g., 92:d0:c6:0a:29:33)");
        memory = flags.Bytes("memory", 'm', "Limit of memory");
        memoryReservation = flags.Bytes("memory-reservation", "Soft limit of memory");
        memorySwap = flags.Add(new BytesFlag("memory-swap", '\0', "Limit of memory and swap together; '-1' for unlimited swap") { AllowMinusOne = true });
        memorySwappiness = flags.Int("memory-swappiness", "How readily it swaps, from 0 to 100", initial: -1);
        mount = Checked("mount", '\0', "Mount a file system into the container", text => { MountSpec.Parse(text); return text; }, "mount");
        name = flags.String("name", "Name of the container");
        network = Checked("network", '\0', "Network to connect it to", FlagChecks.Network, "network");
        flags.Alias("net", network);
        networkAlias = flags.List("network-alias", "Another name for it on the network");
        flags.Alias("net-alias", networkAlias);
        onUnhealthy = flags.String("on-unhealthy", "What to do when it becomes unhealthy: none, restart, stop or kill");
        oomKillDisable = flags.Bool("oom-kill-disable", "Turn the OOM killer off");
        oomScoreAdj = flags.Int("oom-score-adj", "Adjust the host's OOM preferences (-1000 to 1000)");
        pid = flags.String("pid", "PID namespace");
        pidsLimit = flags.Int("pids-limit", "Limit of processes; -1 for unlimited");
        privileged = flags.Bool("privileged", "Give the container every privilege");
        publish = flags.List("publish", 'p', "Publish a port of the container on the host");
        publishAll = flags.Bool("publish-all", 'P', "Publish every exposed port on a free one");
        readOnly = flags.Bool("read-only", "Mount the root file system read-only");
        restart = flags.String("restart", "Restart policy when it exits", "no");
        autoRemove = flags.Bool("rm", "Remove the container and its anonymous volumes when it exits");
        runtime = flags.String("runtime", "OCI runtime for this container");
        secret = flags.Add(new ListFlag("secret", '\0', "Secret to give to the container (NAME[,type=mount|env][,target=...][,uid=...][,gid=...][,mode=...])", "secret"));
        securityOpt = flags.List("security-opt", "Security options");
        shmSize = flags.Bytes("shm-size", "Size of /dev/shm");
        stopSignal = flags.String("stop-signal", "Signal that stops the container");
        stopTimeout = flags.Int("stop-timeout", "Seconds to wait when stopping it before killing it");
        storageOpt = flags.List("storage-opt", "Options of the storage driver");
        sysctl = flags.Add(new ListFlag("sysctl", '\0', "Kernel parameters of its namespaces", "map") { Check = FlagChecks.Sysctl, DefaultText = "map[]" });
        systemd = flags.Bool("systemd", "Give it what systemd needs as its first process");
        timeNs = flags.String("timens", "Time namespace: 'private' or 'host'");
        tmpfs = flags.List("tmpfs", "Mount a tmpfs");
        tty = flags.Bool("tty", 't', "Give it a terminal");
        ulimit = flags.Add(new ListFlag("ulimit", '\0', "Ulimit options", "ulimit") { Check = text => { UlimitSpec.Parse(text); return text; }, DefaultText = "[]" });
        useApiSocket = flags.Bool("use-api-socket", "Bind the API socket and the credentials it needs into the container");
        user = flags.String("user", 'u', "Name or number of the user (format: <name|uid>[:<group|gid>])");
        userNs = flags.String("userns", "User namespace");
        uts = flags.String("uts", "UTS namespace");
        volume = flags.List("volume", 'v', "Mount a volume or a directory of the host");
        volumeDriver = flags.String("volume-driver", "Driver of the container's volumes");
        volumesFrom = flags.List("volumes-from", "Mount the volumes of these containers");
        workingDirectory = flags.String("workdir", 'w', "Working directory inside the container");
    }

    public BoolFlag IsUntrusted { get; }
    public string Name => name.Value;
    public string CidFile => cidFile.Value;
    public bool Tty => tty;
    public bool Interactive => interactive;
    public bool AutoRemove => autoRemove;

    private ListFlag Checked(string flagName, char shorthand, string help, Func<string, string> check, string typeName = "list")
        => flags.Add(new ListFlag(flagName, shorthand, help, typeName) { Check = check });

    private T Hidden<T>(T flag) where T : Flag => flags.Add(flag);
}
