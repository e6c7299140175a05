using System.Text.Encodings.Web;
using System.Text.Json;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>spec</c>: a config.json to start from.</summary>
internal sealed class SpecCommand : RuntimeCommand
{
    private static readonly RuntimeJson Indented = new(new JsonSerializerOptions(RuntimeJson.Default.Options) { WriteIndented = true, IndentCharacter = '\t', IndentSize = 1, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public override string Name => "spec";
    public override string Summary => "create a new specification file";
    public override string Usage => "";
    public override (int Least, int Most) Count => (0, 0);
    public override IReadOnlyList<Flag> Flags => [Flag.Value("bundle", "directory of the bundle", "b"), Flag.Switch("rootless", "for a user who is not root")];

    public override int Run(Context context, Arguments arguments)
    {
        var path = Path.Combine(arguments.Text("bundle") ?? "", "config.json");
        if (File.Exists(path)) throw new RuntimeException("File config.json exists. Remove it first");
        var spec = Default();
        if (arguments.On("rootless")) MakeRootless(spec);
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(spec, Indented.Spec));
        return 0;
    }

    private static readonly List<string> Kill = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

    private static Spec Default() => new()
    {
        Process = new Process
        {
            Terminal = true, Args = ["sh"], Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], Cwd = "/", NoNewPrivileges = true,
            Capabilities = new Capabilities { Bounding = [.. Kill], Effective = [.. Kill], Permitted = [.. Kill] },
            Rlimits = [new Rlimit { Type = "RLIMIT_NOFILE", Hard = 1024, Soft = 1024 }],
        },
        Root = new Root { Path = "rootfs", Readonly = true },
        Hostname = "runc",
        Mounts =
        [
            new Mount { Destination = "/proc", Type = "proc", Source = "proc" },
            new Mount { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            new Mount { Destination = "/dev/pts", Type = "devpts", Source = "devpts", Options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            new Mount { Destination = "/dev/shm", Type = "tmpfs", Source = "shm", Options = ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
            new Mount { Destination = "/dev/mqueue", Type = "mqueue", Source = "mqueue", Options = ["nosuid", "noexec", "nodev"] },
            new Mount { Destination = "/sys", Type = "sysfs", Source = "sysfs", Options = ["nosuid", "noexec", "nodev", "ro"] },
            new Mount { Destination = "/sys/fs/cgroup", Type = "cgroup", Source = "cgroup", Options = ["nosuid", "noexec", "nodev", "relatime", "ro"] },
        ],
        Linux = new LinuxSpec
        {
            Resources = new LinuxResources { Devices = [new LinuxDeviceCgroup { Allow = false, Access = "rwm" }] },
            Namespaces = [.. Namespaces("pid", "network", "ipc", "uts", "mount"), .. HasCgroupNamespaces ? Namespaces("cgroup") : []],
            MaskedPaths = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    };

    private static bool HasCgroupNamespaces => File.Exists("/proc/self/ns/cgroup") && File.Exists("/sys/fs/cgroup/cgroup.controllers");

    private static IEnumerable<LinuxNamespace> Namespaces(params string[] types) => types.Select(type => new LinuxNamespace { Type = type });

    // A user alone may have one user and group of its own, and no network namespace's sysfs without one.
    private static void MakeRootless(Spec spec)
    {
        var linux = spec.Linux!;
        linux.Namespaces = [.. linux.Namespaces!.Where(ns => ns.Type is not ("network" or "user")), new LinuxNamespace { Type = "user" }];
        linux.UidMappings = [new IdMapping { ContainerId = 0, HostId = Libc.geteuid(), Size = 1 }];
        linux.GidMappings = [new IdMapping { ContainerId = 0, HostId = Libc.getegid(), Size = 1 }];
        linux.Resources = null;
        spec.Mounts = [.. spec.Mounts!.Select(WithoutIds)];
    }

    private static Mount WithoutIds(Mount mount) => mount.Destination == "/sys"
        ? new Mount { Destination = "/sys", Type = "none", Source = "/sys", Options = ["rbind", "nosuid", "noexec", "nodev", "ro"] }
        : mount with { Options = mount.Options is null ? null : [.. mount.Options.Where(option => !option.StartsWith("gid=", StringComparison.Ordinal) && !option.StartsWith("uid=", StringComparison.Ordinal))] };
}
