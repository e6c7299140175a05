using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Http;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary><c>_ping</c>, <c>version</c>, <c>info</c>.</summary>
public static class SystemApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/_ping", PingAsync);
        router.Head("/_ping", PingAsync);
        router.Get("/version", context => context.WriteJsonAsync(200, Version(context), DockerApiJson.Default.SystemVersion));
        router.Get("/info", async context =>
        {
            var info = await InfoAsync(context);
            VersionedFields.Info(context.Version, info);
            await context.WriteJsonAsync(200, info, DockerApiJson.Default.SystemInfo);
        });
    }

    private static async Task PingAsync(ApiContext context)
    {
        var response = context.Http.Response;
        response.Headers["Builder-Version"] = "2"; // docker build uses BuildKit
        response.Headers["Swarm"] = "inactive";
        response.Headers.CacheControl = "no-cache, no-store, must-revalidate";
        response.Headers.Pragma = "no-cache";
        response.ContentType = "text/plain; charset=utf-8";
        bool head = HttpMethods.IsHead(context.Http.Request.Method);
        response.ContentLength = head ? 0 : 2;
        if (!head) await response.Body.WriteAsync("OK"u8.ToArray(), context.Cancellation);
    }

    private static SystemVersion Version(ApiContext context)
    {
        var host = context.Engine.Host;
        var details = new Dictionary<string, string>
        {
            ["ApiVersion"] = ApiVersion.Newest.ToString(),
            ["Arch"] = host.Architecture,
            ["Experimental"] = "false",
            ["GitCommit"] = DaemonVersion.Commit,
            ["GoVersion"] = RuntimeInformation.FrameworkDescription,
            ["BuildTime"] = DaemonVersion.BuildTime,
            ["KernelVersion"] = host.KernelVersion,
            ["MinAPIVersion"] = ApiVersion.Oldest.ToString(),
            ["Os"] = "linux",
        };
        return new SystemVersion
        {
            Platform = new SystemVersionPlatform { Name = "Wharf" },
            Components = [new SystemVersionComponents { Name = "Engine", Version = DaemonVersion.Product, Details = JsonSerializer.SerializeToElement(details, DockerApiJson.Default.DictionaryStringString) }],
            Version = DaemonVersion.Product,
            ApiVersion = ApiVersion.Newest.ToString(),
            MinAPIVersion = ApiVersion.Oldest.ToString(),
            GitCommit = DaemonVersion.Commit,
            GoVersion = RuntimeInformation.FrameworkDescription,
            Os = "linux",
            Arch = host.Architecture,
            KernelVersion = host.KernelVersion,
            BuildTime = DaemonVersion.BuildTime,
        };
    }

    private static async Task<SystemInfo> InfoAsync(ApiContext context)
    {
        var engine = context.Engine;
        var host = engine.Host;
        var counts = await engine.Containers.CountAsync(context.Cancellation);
        var devices = Engine.Containers.Devices.CdiRegistry.Load(engine.Options.CdiDirectories);
        return new SystemInfo
        {
            ID = engine.Identity,
            Containers = counts.Running + counts.Paused + counts.Stopped,
            ContainersRunning = counts.Running,
            ContainersPaused = counts.Paused,
            ContainersStopped = counts.Stopped,
            Images = await engine.Images.CountAsync(context.Cancellation),
            Driver = engine.Snapshots.DriverName,
            DriverStatus = DriverStatus(engine.Snapshots.DriverName, engine.Options.DataRoot),
            DockerRootDir = engine.Options.DataRoot,
            Plugins = new PluginsInfo { Volume = [.. engine.Volumes.Drivers], Network = [.. engine.Networks.Drivers], Log = [.. Engine.Containers.ContainerService.LogDrivers], Authorization = engine.Options.AuthorizationPlugins is { Count: > 0 } plugins ? [.. plugins] : null },
            MemoryLimit = host.HasCgroups, SwapLimit = host.HasCgroups && SwapLimit(host), CpuCfsPeriod = host.HasCgroups, CpuCfsQuota = host.HasCgroups, CPUShares = host.HasCgroups, CPUSet = host.HasCgroups, PidsLimit = host.HasCgroups,
            OomKillDisable = host is { HasCgroups: true, CgroupV2: false },
            IPv4Forwarding = File.ReadAllText("/proc/sys/net/ipv4/ip_forward").Trim() == "1",
            Debug = engine.Options.Debug,
            NFd = Directory.GetFiles("/proc/self/fd").Length,
            NGoroutines = ThreadPool.ThreadCount,
            SystemTime = DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffffff00Z", CultureInfo.InvariantCulture),
            LoggingDriver = engine.Options.LogDriver,
            CgroupDriver = !host.HasCgroups ? "none" : engine.Options.SystemdCgroup ? "systemd" : "cgroupfs",
            CgroupVersion = host.CgroupV2 ? "2" : "1",
            NEventsListener = engine.Events.Listeners,
            KernelVersion = host.KernelVersion,
            OperatingSystem = host.OperatingSystem,
            OSVersion = host.OsVersion,
            OSType = "linux",
            Architecture = host.Machine,
            NCPU = host.Cpus,
            MemTotal = host.MemoryBytes,
            IndexServerAddress = "https://index.docker.io/v1/",
            RegistryConfig = RegistryConfig(engine.Options),
            HttpProxy = "", HttpsProxy = "", NoProxy = "",
            Name = host.Hostname,
            Labels = [.. engine.Options.Labels],
            ExperimentalBuild = false,
            ServerVersion = DaemonVersion.Product,
            Runtimes = RuntimesOf(engine.Options),
            DefaultRuntime = engine.Options.DefaultRuntime,
            Swarm = new SwarmInfo { NodeID = "", NodeAddr = "", LocalNodeState = "inactive", ControlAvailable = false, Error = "", RemoteManagers = null },
            LiveRestoreEnabled = true,
            Isolation = "",
            InitBinary = "docker-init",
            ContainerdCommit = new CommitInfo { ID = "" },
            RuncCommit = new CommitInfo { ID = DaemonVersion.Commit },
            InitCommit = new CommitInfo { ID = "" },
            SecurityOptions = SecurityOptionsOf(engine),
            Warnings = WarningsOf(engine, devices),
            KernelMemoryTCP = host is { HasCgroups: true, CgroupV2: false },
            FirewallBackend = new FirewallInfo { Driver = "nftables" },
            CDISpecDirs = [.. engine.Options.CdiDirectories],
            DiscoveredDevices = devices.Names.Select(static name => new DeviceInfo { Source = "cdi", ID = name }).ToList() is { Count: > 0 } found ? found : null,
        };
    }

    private static List<string>? WarningsOf(Engine.EngineHost engine, Engine.Containers.Devices.CdiRegistry devices)
    {
        var warnings = new List<string>();
        if (!engine.Host.HasCgroups) warnings.Add("WARNING: Running in a user namespace without cgroups: limits of containers are discarded");
        warnings.AddRange(devices.Errors.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => $"CDI: Error associated with spec file {pair.Key}: {pair.Value}"));
        return warnings.Count == 0 ? null : warnings;
    }

    private static List<string> SecurityOptionsOf(Engine.EngineHost engine)
    {
        var defaults = engine.Options.ContainerDefaults;
        var options = new List<string> { $"name=seccomp,profile={defaults.SeccompProfile}" };
        if (engine.Host.AppArmor) options.Insert(0, "name=apparmor");
        if (engine.Options.RootlessState is not null) options.Add("name=rootless");
        if (engine.Host.CgroupV2) options.Add("name=cgroupns");
        if (defaults.NoNewPrivileges) options.Add("name=no-new-privileges");
        return options;
    }

    private static bool SwapLimit(HostFacts host) => host.CgroupV2 || File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");

    private static RegistryServiceConfig RegistryConfig(Engine.DaemonOptions options)
    {
        var mirrors = options.RegistryMirrors.Select(mirror => mirror.TrimEnd('/') + "/").ToList();
        var indexes = new Dictionary<string, IndexInfo> { ["docker.io"] = new() { Name = "docker.io", Mirrors = mirrors, Secure = true, Official = true } };
        foreach (var host in options.InsecureRegistries.Where(entry => !entry.Contains('/'))) indexes[host] = new IndexInfo { Name = host, Mirrors = [], Secure = false, Official = false };
        return new RegistryServiceConfig
        {
            InsecureRegistryCIDRs = [.. options.InsecureRegistries.Where(entry => entry.Contains('/')), "::1/128", "127.0.0.0/8"],
            IndexConfigs = indexes,
            Mirrors = mirrors is [] ? null : mirrors,
        };
    }

    /// <summary>What docker's driver of that name tells of itself.</summary>
    private static List<List<string>>? DriverStatus(string driver, string dataRoot) => driver switch
    {
        "overlay2" => [["Backing Filesystem", BackingFilesystem(dataRoot)], ["Supports d_type", "true"], ["Using metacopy", "false"], ["Native Overlay Diff", "true"], ["userxattr", Linux.Namespaces.UserNamespace.IsInner ? "true" : "false"]],
        "erofs" or "composefs" => [["Backing Filesystem", BackingFilesystem(dataRoot)]],
        "fuse-overlayfs" => [],
        "btrfs" => [["Btrfs", ""]],
        "zfs" => Linux.Mounts.ZfsDatasets.Of(dataRoot) is { } parent ? [["Zpool", parent.Split('/')[0]], ["Parent Dataset", parent]] : null,
        _ => null,
    };

    private static string BackingFilesystem(string path)
    {
        var drive = new DriveInfo(path);
        return drive.DriveFormat is "ext4" or "ext3" or "ext2" ? "extfs" : drive.DriveFormat;
    }

    private static Dictionary<string, RuntimeInfo> RuntimesOf(Wharf.Engine.DaemonOptions options)
    {
        // All three names start Wharf's own runtime unless the options say otherwise: clients ask for docker's by name.
        var runtimes = new[] { "io.containerd.runc.v2", "runc", "wharf" }.ToDictionary(name => name, _ => new RuntimeInfo { Path = options.RuntimePath });
        foreach (var (name, command) in options.Runtimes) runtimes[name] = new RuntimeInfo { Path = command[0], RuntimeArgs = command.Count > 1 ? [.. command.Skip(1)] : null };
        return runtimes;
    }
}
