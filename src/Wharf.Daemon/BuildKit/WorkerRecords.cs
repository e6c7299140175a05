using Wharf.BuildKit.Protocol.Workers;
using Wharf.Engine;
using Wharf.Engine.Containers.Devices;
using Wharf.Engine.Images;

namespace Wharf.Daemon.BuildKit;

/// <summary>The one worker there is, as clients list it.</summary>
internal static class WorkerRecords
{
    /// <summary>The version of BuildKit whose behaviour this is; clients decide by it what they may ask for.</summary>
    public static BuildkitVersion Version { get; } = new() { Package = "github.com/moby/buildkit", Version = "v0.25.1", Revision = DaemonVersion.Commit };

    public static WorkerRecord This(DaemonOptions options)
    {
        var worker = new WorkerRecord
        {
            Id = "wharf", BuildkitVersion = Version,
            Labels =
            {
                ["org.mobyproject.buildkit.worker.executor"] = "wharf", ["org.mobyproject.buildkit.worker.hostname"] = Environment.MachineName, ["org.mobyproject.buildkit.worker.network"] = "host",
                ["org.mobyproject.buildkit.worker.selinux.enabled"] = "false", ["org.mobyproject.buildkit.worker.apparmor.profile"] = "",
                // Says that images with indexes, OCI archives and direct pushes are possible.
                ["org.mobyproject.buildkit.worker.snapshotter"] = "overlayfs", ["org.mobyproject.buildkit.worker.moby.host-gateway-ip"] = "172.17.0.1",
            },
        };
        foreach (var platform in BuildPlatforms.All())
            worker.Platforms.Add(new Wharf.BuildKit.Protocol.Ops.Platform { Os = platform.Os, Architecture = platform.Architecture, Variant = platform.Variant ?? "" });
        var devices = CdiRegistry.Load(options.CdiDirectories);
        foreach (var name in devices.Names) worker.CdiDevices.Add(new CdiDevice { Name = name, AutoAllow = devices.IsAutoAllowed(name), Annotations = { devices.AnnotationsOf(name).ToDictionary() } });
        return worker;
    }
}

/// <summary>The platforms whose processes this machine can run: its own, and those that binfmt_misc has an interpreter for.</summary>
internal static class BuildPlatforms
{
    private const string Binfmt = "/proc/sys/fs/binfmt_misc";

    private static readonly (string Handler, string Platform)[] Known =
    [
        ("qemu-x86_64", "linux/amd64"), ("qemu-aarch64", "linux/arm64"), ("qemu-arm", "linux/arm/v7"), ("qemu-arm", "linux/arm/v6"), ("qemu-riscv64", "linux/riscv64"), ("qemu-ppc64le", "linux/ppc64le"), ("qemu-s390x", "linux/s390x"),
        ("qemu-mips64el", "linux/mips64le"), ("qemu-loongarch64", "linux/loong64"),
    ];

    public static IReadOnlyList<Specs.Image.Platform> All()
    {
        var platforms = new List<Specs.Image.Platform> { Platforms.Host };
        if (Platforms.Host.Architecture == "amd64")
        {
            if (System.Runtime.Intrinsics.X86.Avx2.IsSupported) platforms.AddRange([Platforms.Parse("linux/amd64/v2"), Platforms.Parse("linux/amd64/v3")]);
            platforms.Add(Platforms.Parse("linux/386"));
        }
        foreach (var (handler, platform) in Known)
        {
            var parsed = Platforms.Parse(platform);
            if (File.Exists(Path.Combine(Binfmt, handler)) && !platforms.Exists(known => Platforms.Describe(known) == Platforms.Describe(parsed))) platforms.Add(parsed);
        }
        return platforms;
    }
}
