using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Runtime;
using Xunit;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Tests.Engine.Containers;

public class SpecBuilderTests
{
    private static readonly ResolvedUser Root = new(0, 0, [0, 10], "/root", "root");

    private static Spec Build(HostConfig? host = null, ContainerConfig? config = null, ResolvedUser? user = null, IReadOnlyList<Mount>? mounts = null) => SpecBuilder.Build(new SpecInput
    {
        Id = "id",
        Document = new ContainerDocument { Config = config ?? new ContainerConfig(), HostConfig = HostConfigDefaults.Apply(host, cgroupV2: false), Path = "sh", Args = ["-c", "true"] },
        User = user ?? Root,
        CgroupsPath = "/wharf-x/id",
        Hostname = "box",
        Namespaces = [new LinuxNamespace { Type = "mount" }, new LinuxNamespace { Type = "uts" }],
        Mounts = mounts ?? [],
    });

    [Fact]
    public void Root_gets_dockers_fourteen_capabilities_and_none_to_inherit()
    {
        var capabilities = Build().Process!.Capabilities!;
        capabilities.Bounding!.Count.ShouldBe(14);
        capabilities.Effective.ShouldBe(capabilities.Bounding);
        capabilities.Inheritable.ShouldBeNull();
        capabilities.Ambient.ShouldBeNull();
    }

    [Fact]
    public void Another_user_holds_no_capabilities()
    {
        var capabilities = Build(user: new ResolvedUser(5, 5, [5], "/", null)).Process!.Capabilities!;
        capabilities.Bounding!.Count.ShouldBe(14);
        capabilities.Effective.ShouldBeNull();
        capabilities.Permitted.ShouldBeNull();
    }

    [Fact]
    public void Capabilities_are_added_and_dropped()
    {
        CapabilitySet.Resolve(["net_admin"], ["CHOWN"], false).ShouldBe([.. CapabilitySet.Default[1..], "CAP_NET_ADMIN"]);
        CapabilitySet.Resolve(["kill"], ["ALL"], false).ShouldBe(["CAP_KILL"]);
        CapabilitySet.Resolve(null, ["all"], false).ShouldBeEmpty();
        CapabilitySet.Resolve(["ALL"], ["CAP_KILL"], false).ShouldNotContain("CAP_KILL");
    }

    [Fact]
    public void Environment_has_dockers_defaults_under_the_users()
    {
        ProcessEnvironment.Build(["A=1"], "box", terminal: true, "/root").ShouldBe([ProcessEnvironment.DefaultPath, "HOSTNAME=box", "TERM=xterm", "A=1", "HOME=/root"]);
        ProcessEnvironment.Build(["PATH=/x", "HOSTNAME", "HOME=/h"], "box", terminal: false, "/root").ShouldBe(["PATH=/x", "HOME=/h"]);
        ProcessEnvironment.Build(["A=1"], null, false, "/", ["A=2", "B=3"]).ShouldBe([ProcessEnvironment.DefaultPath, "A=2", "B=3", "HOME=/"]);
    }

    [Fact]
    public void Limits_are_mapped()
    {
        var resources = Build(new HostConfig { Memory = 50 << 20, NanoCpus = 1_500_000_000, PidsLimit = 20, CpuShares = 512 }).Linux!.Resources!;
        resources.Memory!.Limit.ShouldBe(50 << 20);
        resources.Memory.Swap.ShouldBe(100 << 20);
        resources.Cpu!.Quota.ShouldBe(150_000);
        resources.Cpu.Period.ShouldBe(100_000ul);
        resources.Cpu.Shares.ShouldBe(512ul);
        resources.Pids!.Limit.ShouldBe(20);
        Build().Linux!.Resources!.Memory.ShouldBeNull();
        Build().Linux!.Resources!.Devices![0].Allow.ShouldBeFalse();
    }

    [Fact]
    public void Privileged_takes_the_guards_away()
    {
        var spec = Build(new HostConfig { Privileged = true });
        spec.Linux!.Seccomp.ShouldBeNull();
        spec.Linux.MaskedPaths.ShouldBeNull();
        spec.Linux.Resources!.Devices!.ShouldHaveSingleItem().Allow.ShouldBeTrue();
        spec.Mounts!.Single(mount => mount.Destination == "/sys").Options!.ShouldContain("rw");
    }

    [Fact]
    public void Without_privilege_paths_are_masked_and_seccomp_is_on()
    {
        var linux = Build().Linux!;
        linux.MaskedPaths!.ShouldContain("/proc/kcore");
        linux.ReadonlyPaths!.ShouldContain("/proc/sys");
        linux.Seccomp!.DefaultAction.ShouldBe("SCMP_ACT_ERRNO");
        Build(new HostConfig { SecurityOpt = ["seccomp=unconfined", "no-new-privileges"] }).Linux!.Seccomp.ShouldBeNull();
        Build(new HostConfig { SecurityOpt = ["no-new-privileges"] }).Process!.NoNewPrivileges.ShouldBe(true);
    }

    [Fact]
    public void A_users_mount_replaces_the_default_and_deeper_ones_come_later()
    {
        var mounts = Build(mounts: [DefaultMounts.Bind("/a/b", "/2"), DefaultMounts.Bind("/a", "/1"), DefaultMounts.Tmpfs("/dev/shm", "size=1m")]).Mounts!;
        mounts.Count(mount => mount.Destination == "/dev/shm").ShouldBe(1);
        mounts.FindIndex(mount => mount.Destination == "/a").ShouldBeLessThan(mounts.FindIndex(mount => mount.Destination == "/a/b"));
        mounts.FindIndex(mount => mount.Destination == "/dev").ShouldBeLessThan(mounts.FindIndex(mount => mount.Destination == "/dev/shm"));
        Build(mounts: [DefaultMounts.Bind("/dev", "/dev")]).Mounts!.ShouldNotContain(mount => mount.Destination == "/dev/pts");
    }

    [Fact]
    public void Seccomp_rules_hold_with_their_capabilities_processor_and_kernel()
    {
        var profile = new SeccompProfile
        {
            ArchMap = [new SeccompArchMap { Architecture = "SCMP_ARCH_X86_64", SubArchitectures = ["SCMP_ARCH_X86"] }],
            Syscalls =
            [
                Rule("always"),
                Rule("admin") with { Includes = new SeccompCondition { Caps = ["CAP_SYS_ADMIN"] } },
                Rule("nonadmin") with { Excludes = new SeccompCondition { Caps = ["CAP_SYS_ADMIN"] } },
                Rule("arm") with { Includes = new SeccompCondition { Arches = ["arm64"] } },
                Rule("notarm") with { Excludes = new SeccompCondition { Arches = ["arm64"] } },
                Rule("old") with { Includes = new SeccompCondition { MinKernel = "4.8" } },
                Rule("future") with { Includes = new SeccompCondition { MinKernel = "99.0" } },
            ],
        };
        var host = new SeccompHost("amd64", "SCMP_ARCH_X86_64", new Version(6, 1));
        Names(profile.Evaluate([], host)).ShouldBe(["always", "nonadmin", "notarm", "old"]);
        Names(profile.Evaluate(["CAP_SYS_ADMIN"], host)).ShouldBe(["always", "admin", "notarm", "old"]);
        profile.Evaluate([], host).Architectures.ShouldBe(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
        static SeccompRule Rule(string name) => new() { Names = [name], Action = "SCMP_ACT_ALLOW" };
        static List<string> Names(LinuxSeccomp seccomp) => seccomp.Syscalls!.ConvertAll(call => call.Names[0]);
    }

    [Fact]
    public void The_built_in_profile_is_there_and_refuses_kernel_crypto_sockets()
    {
        var seccomp = SeccompProfile.Default(CapabilitySet.Default);
        seccomp.Syscalls!.SelectMany(call => call.Names).ShouldContain("read");
        seccomp.Syscalls!.SelectMany(call => call.Names).ShouldNotContain("bpf");
        seccomp.Syscalls!.Where(call => call.Names.Contains("socket")).SelectMany(call => call.Args ?? []).ShouldNotContain(argument => argument.Op == "SCMP_CMP_EQ" && argument.Value == 38);
        SeccompProfile.Default(CapabilitySet.Default).ShouldBeSameAs(seccomp);
    }

    [Fact]
    public void Device_rules_are_read_strictly()
    {
        var rule = DeviceRules.ParseRule("c 1:* rm");
        (rule.Type, rule.Major, rule.Minor, rule.Access).ShouldBe(("c", 1L, null, "rm"));
        foreach (var bad in new[] { "zz", "c 1 rwm", "c 1:2 x", "d 1:2 r", "c -1:2 r", "c 1:2 rr" }) Should.Throw<Wharf.Specs.Errors.WharfException>(() => DeviceRules.ParseRule(bad));
    }
}
