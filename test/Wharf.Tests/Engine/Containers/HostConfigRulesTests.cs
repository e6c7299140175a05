using Shouldly;
using Wharf.Engine.Containers.Config;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class HostConfigRulesTests
{
    private static readonly HostCapacity Machine = new() { Cpus = 2, CpuList = "0-1", MemoryNodes = "0", CgroupV2 = false, BlockWeight = false };

    private static List<string> Check(HostConfig host, ContainerConfig? config = null)
    {
        var warnings = new List<string>();
        HostConfigRules.Check(host, config ?? new ContainerConfig(), Machine, warnings);
        return warnings;
    }

    private static string Refusal(HostConfig host, ContainerConfig? config = null)
    {
        var error = Should.Throw<WharfException>(() => Check(host, config));
        error.Kind.ShouldBe(ErrorKind.InvalidArgument);
        return error.Message;
    }

    [Fact]
    public void Memory_limits_must_make_sense()
    {
        Refusal(new HostConfig { Memory = 1000 }).ShouldBe("Minimum memory limit allowed is 6MB");
        Refusal(new HostConfig { Memory = -1 }).ShouldBe("Minimum memory limit allowed is 6MB");
        Refusal(new HostConfig { MemorySwap = 1000 }).ShouldBe("You should always set the Memory limit when using Memoryswap limit, see usage");
        Refusal(new HostConfig { Memory = 10_000_000, MemorySwap = 1000 }).ShouldBe("Minimum memoryswap limit should be larger than memory limit, see usage");
        Refusal(new HostConfig { Memory = 10_000_000, MemoryReservation = 20_000_000 }).ShouldBe("Minimum memory limit can not be less than memory reservation limit, see usage");
        Refusal(new HostConfig { MemorySwappiness = 101 }).ShouldBe("Invalid value: 101, valid memory swappiness range is 0-100");
        Check(new HostConfig { Memory = 10_000_000, MemorySwap = -1 }).ShouldBeEmpty();
    }

    [Fact]
    public void Processor_limits_must_be_there_to_give()
    {
        Refusal(new HostConfig { NanoCpus = 100_000_000_000 }).ShouldBe("range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available");
        Refusal(new HostConfig { NanoCpus = 1000, CpuQuota = 1000 }).ShouldBe("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
        Refusal(new HostConfig { CpuShares = -1 }).ShouldBe("invalid CPU shares (-1): value must be a positive integer");
        Refusal(new HostConfig { CpusetCpus = "abc" }).ShouldBe("Invalid value abc for cpuset cpus: invalid format: abc");
        Refusal(new HostConfig { CpusetCpus = "0-100" }).ShouldBe("Requested CPUs are not available - requested 0-100, available: 0-1");
        Refusal(new HostConfig { CpusetCpus = "0-4294967295" }).ShouldBe("Invalid value 0-4294967295 for cpuset cpus: value of out range, maximum is 8192");
        Check(new HostConfig { CpusetCpus = "0,1" }).ShouldBeEmpty();
    }

    [Fact]
    public void A_limit_this_kernel_cannot_keep_is_dropped_with_a_warning()
    {
        var host = new HostConfig { BlkioWeight = 300 };
        Check(host).ShouldBe(["Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."]);
        host.BlkioWeight.ShouldBe(0);
    }

    [Theory]
    [InlineData("bogus", 0, false, "invalid restart policy: unknown policy 'bogus'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'")]
    [InlineData("always", 3, false, "invalid restart policy: maximum retry count can only be used with 'on-failure'")]
    [InlineData("on-failure", -3, false, "invalid restart policy: maximum retry count cannot be negative")]
    [InlineData("always", 0, true, "can't create 'AutoRemove' container with restart policy")]
    public void Restart_policies_are_checked(string name, int retries, bool autoRemove, string message) =>
        Refusal(new HostConfig { RestartPolicy = new RestartPolicy { Name = name, MaximumRetryCount = retries }, AutoRemove = autoRemove }).ShouldBe(message);

    [Fact]
    public void Modes_are_one_of_those_there_are()
    {
        Refusal(new HostConfig { PidMode = "bogus" }).ShouldBe("invalid PID mode: bogus");
        Refusal(new HostConfig { IpcMode = "container:" }).ShouldBe("invalid IPC mode: container:");
        Refusal(new HostConfig { UTSMode = "bogus" }).ShouldBe("invalid UTS mode: bogus");
        Refusal(new HostConfig { CgroupnsMode = "bogus" }).ShouldBe("invalid cgroup namespace mode: bogus");
        Refusal(new HostConfig { NetworkMode = "container:" }).ShouldBe("invalid network mode: invalid container format container:<name|id>");
        Should.Throw<WharfException>(() => HostConfigRules.CheckRuntime("bogus", new Dictionary<string, IReadOnlyList<string>>())).Message.ShouldBe("unknown or invalid runtime name: bogus");
        HostConfigRules.CheckRuntime("crun", new Dictionary<string, IReadOnlyList<string>> { ["crun"] = ["/usr/bin/crun"] });
        Check(new HostConfig { PidMode = "container:x", IpcMode = "shareable", Runtime = "runc" }).ShouldBeEmpty();
    }

    [Fact]
    public void What_belongs_to_the_other_containers_network_cannot_be_set()
    {
        Refusal(new HostConfig { NetworkMode = "container:x" }, new ContainerConfig { Hostname = "h" }).ShouldBe("conflicting options: hostname and the network mode");
        Refusal(new HostConfig { NetworkMode = "container:x", PublishAllPorts = true }).ShouldBe("conflicting options: port publishing and the container type network mode");
        Refusal(new HostConfig { NetworkMode = "container:x", Dns = ["1.1.1.1"] }).ShouldBe("conflicting options: dns and the network mode");
    }

    [Fact]
    public void Log_drivers_and_their_options_are_checked()
    {
        Refusal(new HostConfig { LogConfig = new HostConfigLogConfig { Type = "bogus" } }).ShouldBe("error looking up logging plugin bogus: plugin \"bogus\" not found");
        Refusal(Log("bogus", "1")).ShouldBe("unknown log opt 'bogus' for json-file log driver");
        Refusal(Log("mode", "bogus")).ShouldBe("logger: logging mode not supported: bogus");
        Refusal(Log("max-size", "zz")).ShouldContain("max-size");
        Check(Log("max-size", "10m")).ShouldBeEmpty();
        static HostConfig Log(string key, string value) => new() { LogConfig = new HostConfigLogConfig { Type = "json-file", Config = new() { [key] = value } } };
    }

    [Theory]
    [InlineData("10m", 10L << 20)]
    [InlineData("1.5k", 1536L)]
    [InlineData("100", 100L)]
    [InlineData("2GB", 2L << 30)]
    [InlineData("", null)]
    [InlineData("-1", null)]
    [InlineData("m", null)]
    public void Sizes_are_powers_of_1024(string text, long? size) => LogRules.ParseSize(text).ShouldBe(size);

    [Theory]
    [InlineData("net.ipv4.ip_forward", "1", true)]
    [InlineData("kernel.shm_rmid_forced", "1", true)]
    [InlineData("fs.mqueue.msg_max", "10", true)]
    [InlineData("kernel.core_pattern", "|/bin/x", false)]
    [InlineData("vm.swappiness", "1", false)]
    [InlineData("net.ipv4.ip_forward+kernel.core_pattern", "1", false)]
    [InlineData("net/../kernel/core_pattern", "x", false)]
    [InlineData("net.ipv4.ip_forward", "1\n2", false)]
    public void Only_kernel_parameters_of_the_containers_own_namespaces_can_be_set(string key, string value, bool allowed)
    {
        var host = new HostConfig { Sysctls = new() { [key] = value } };
        if (allowed) Check(host).ShouldBeEmpty();
        else Refusal(host).ShouldContain("sysctl");
    }

    [Fact]
    public void Capabilities_security_options_ulimits_and_hosts_are_checked()
    {
        Refusal(new HostConfig { CapAdd = ["BOGUS"] }).ShouldBe("invalid CapAdd: unknown capability: \"CAP_BOGUS\"");
        Refusal(new HostConfig { SecurityOpt = ["bogus"] }).ShouldBe("invalid --security-opt 1: \"bogus\"");
        Refusal(new HostConfig { SecurityOpt = ["seccomp={bad"] }).ShouldStartWith("Decoding seccomp profile failed");
        Refusal(new HostConfig { Ulimits = [new HostConfigUlimits { Name = "bogus", Soft = 1, Hard = 1 }] }).ShouldBe("invalid ulimit type: bogus");
        Refusal(new HostConfig { Ulimits = [new HostConfigUlimits { Name = "nofile", Soft = 10, Hard = 1 }] }).ShouldContain("10 > 1");
        Refusal(new HostConfig { ExtraHosts = ["zz"] }).ShouldBe("bad format for add-host: \"zz\"");
        Refusal(new HostConfig { ExtraHosts = ["a:zz"] }).ShouldBe("invalid IP address in add-host: \"zz\"");
        Check(new HostConfig { ExtraHosts = ["a:host-gateway", "b:::1"] }).ShouldBeEmpty();
        Refusal(new HostConfig { ShmSize = -1 }).ShouldBe("SHM size can not be less than 0");
        Refusal(new HostConfig { OomScoreAdj = 5000 }).ShouldBe("Invalid value 5000, range for oom score adj is [-1000, 1000]");
    }

    [Theory]
    [InlineData("80", 80, 80, "tcp")]
    [InlineData("53/udp", 53, 53, "udp")]
    [InlineData("8000-8010/TCP", 8000, 8010, "tcp")]
    public void Ports_are_read(string text, int first, int last, string protocol) => PortSpec.Parse(text).ShouldBe(new PortSpec(first, last, protocol));

    [Theory]
    [InlineData("abc/tcp", "invalid port specification: \"abc\"")]
    [InlineData("99999", "invalid port specification: \"99999\"")]
    [InlineData("80-70/tcp", "invalid port specification: \"80-70\"")]
    [InlineData("1-2-3", "invalid port specification: \"1-2-3\"")]
    [InlineData("80/xyz", "invalid protocol: \"xyz\"")]
    public void Ports_that_are_none_are_refused(string text, string message) => Should.Throw<WharfException>(() => PortSpec.Parse(text)).Message.ShouldBe(message);

    [Fact]
    public void Defaults_are_written_out()
    {
        var host = HostConfigDefaults.Apply(new HostConfig { Memory = 50_000_000, PidsLimit = -1 }, cgroupV2: false);
        host.NetworkMode.ShouldBe("bridge");
        host.MemorySwap.ShouldBe(100_000_000);
        host.PidsLimit.ShouldBeNull();
        host.ShmSize.ShouldBe(64 << 20);
        host.CgroupnsMode.ShouldBe("host");
        host.MaskedPaths!.ShouldContain("/proc/kcore");
        HostConfigDefaults.Apply(new HostConfig { Privileged = true }, cgroupV2: true).MaskedPaths.ShouldBeNull();
        HostConfigDefaults.Apply(null, cgroupV2: true).CgroupnsMode.ShouldBe("private");
    }
}
