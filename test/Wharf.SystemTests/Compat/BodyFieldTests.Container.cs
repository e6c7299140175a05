using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class BodyFieldTests
{
    /// <summary>What a container has of its image, or in its place.</summary>
    public static TheoryData<string, string, string, string, string, string> Configuration =>
    [
        Field("ContainerCreate", "Hostname", """ "Hostname":"box" """, "hostname", "box"),
        Field("ContainerCreate", "Domainname", """ "Hostname":"box","Domainname":"example.test" """, "hostname; cat /proc/sys/kernel/domainname; sed -n 's/.*\\tbox/box/p' /etc/hosts", "box\nexample.test\nbox.example.test box"),
        Field("ContainerCreate", "User", """ "User":"1234:567" """, "id -u; id -g", "1234\n567"),
        Field("ContainerCreate", "AttachStdin AttachStdout AttachStderr", """ "AttachStdin":true,"AttachStdout":true,"AttachStderr":true """),
        Field("ContainerCreate", "ExposedPorts", """ "ExposedPorts":{"80/tcp":{},"53/udp":{}} """),
        Field("ContainerCreate", "Tty", """ "Tty":true """, "tty", "/dev/pts/0"),
        Field("ContainerCreate", "OpenStdin StdinOnce", """ "OpenStdin":true,"StdinOnce":true """),
        Field("ContainerCreate", "Env Image", """ "Env":["A=b c","EMPTY=","NONE"],"Image":"busybox:latest" """, "echo \"$A\" ${EMPTY-unset} ${NONE-unset}", "b c unset", """ {"Config":{"Image":"busybox:latest"}} """),
        Field("ContainerCreate", "Cmd Entrypoint", """ "Entrypoint":["echo","before"],"Cmd":["after"] """, output: "before after"),
        Field("ContainerCreate", "Healthcheck.Test Healthcheck.Interval Healthcheck.Timeout Healthcheck.Retries Healthcheck.StartPeriod Healthcheck.StartInterval", """ "Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Timeout":2000000000,"Retries":3,"StartPeriod":4000000000,"StartInterval":5000000000} """),
        Field("ContainerCreate", "ArgsEscaped", """ "ArgsEscaped":true """, "echo ran", "ran"),
        Field("ContainerCreate", "Volumes", """ "Volumes":{"/data":{}} """, "grep -c ' /data ' /proc/self/mountinfo", "1"),
        Field("ContainerCreate", "WorkingDir", """ "WorkingDir":"/made/anew" """, "pwd", "/made/anew"),
        Field("ContainerCreate", "NetworkDisabled", """ "NetworkDisabled":true """, "ls /sys/class/net", "lo"),
        Field("ContainerCreate", "MacAddress", """ "MacAddress":"02:11:22:33:44:55" """, "cat /sys/class/net/eth0/address", "02:11:22:33:44:55", """ {"NetworkSettings":{"Networks":{"bridge":{"MacAddress":"02:11:22:33:44:55"}}}} """),
        Field("ContainerCreate", "OnBuild", """ "OnBuild":["RUN true"] """),
        Field("ContainerCreate", "Labels", """ "Labels":{"one":"1","with space":"a b"} """),
        Field("ContainerCreate", "StopSignal StopTimeout", """ "StopSignal":"SIGUSR1","StopTimeout":7 """),
        Field("ContainerCreate", "Shell", """ "Shell":["/bin/ash","-c"] """),
    ];

    private static string Cgroup(string first, string unified) => $"cat /sys/fs/cgroup/{first} 2>/dev/null || cat /sys/fs/cgroup/{unified}";

    /// <summary>Limits, as the container's own control group tells them.</summary>
    public static TheoryData<string, string, string, string, string, string> Limits =>
    [
        Field("ContainerCreate", "HostConfig.CpuShares", """ "HostConfig":{"CpuShares":512} """, Cgroup("cpu/cpu.shares", "cpu.weight"), "512|20|59"),
        Field("ContainerCreate", "HostConfig.CpuPeriod HostConfig.CpuQuota", """ "HostConfig":{"CpuPeriod":50000,"CpuQuota":25000} """, "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max", "25000\n50000|25000 50000"),
        Field("ContainerCreate", "HostConfig.NanoCpus", """ "HostConfig":{"NanoCpus":500000000} """, Cgroup("cpu/cpu.cfs_quota_us", "cpu.max"), "50000|50000 100000"),
        Field("ContainerCreate", "HostConfig.CpusetCpus HostConfig.CpusetMems", """ "HostConfig":{"CpusetCpus":"1","CpusetMems":"0"} """, "sed -n 's/^\\(Cpus\\|Mems\\)_allowed_list:\\t//p' /proc/self/status", "1\n0"),
        Field("ContainerCreate", "HostConfig.Memory HostConfig.MemorySwap", """ "HostConfig":{"Memory":67108864,"MemorySwap":134217728} """, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max", "67108864\n134217728|67108864\n67108864"),
        Field("ContainerCreate", "HostConfig.MemoryReservation", """ "HostConfig":{"MemoryReservation":33554432} """, Cgroup("memory/memory.soft_limit_in_bytes", "memory.low"), "33554432"),
        Field("ContainerCreate", "HostConfig.MemorySwappiness", """ "HostConfig":{"MemorySwappiness":33} """, "cat /sys/fs/cgroup/memory/memory.swappiness", "33"),
        Field("ContainerCreate", "HostConfig.OomKillDisable", """ "HostConfig":{"Memory":67108864,"OomKillDisable":true} """, "head -1 /sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 1"),
        Field("ContainerCreate", "HostConfig.KernelMemoryTCP", """ "HostConfig":{"KernelMemoryTCP":16777216} """, "echo ran", "ran"),
        Field("ContainerCreate", "HostConfig.PidsLimit", """ "HostConfig":{"PidsLimit":77} """, Cgroup("pids/pids.max", "pids.max"), "77"),
        Field("ContainerCreate", "HostConfig.BlkioDeviceReadBps.[].Path HostConfig.BlkioDeviceReadBps.[].Rate", """ "HostConfig":{"BlkioDeviceReadBps":[{"Path":"%disk%","Rate":1048576}]} """, "cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device", "%disk number% 1048576"),
        Field("ContainerCreate", "HostConfig.BlkioDeviceWriteBps.[].Path HostConfig.BlkioDeviceWriteBps.[].Rate", """ "HostConfig":{"BlkioDeviceWriteBps":[{"Path":"%disk%","Rate":2097152}]} """, "cat /sys/fs/cgroup/blkio/blkio.throttle.write_bps_device", "%disk number% 2097152"),
        Field("ContainerCreate", "HostConfig.BlkioDeviceReadIOps.[].Path HostConfig.BlkioDeviceReadIOps.[].Rate", """ "HostConfig":{"BlkioDeviceReadIOps":[{"Path":"%disk%","Rate":100}]} """, "cat /sys/fs/cgroup/blkio/blkio.throttle.read_iops_device", "%disk number% 100"),
        Field("ContainerCreate", "HostConfig.BlkioDeviceWriteIOps.[].Path HostConfig.BlkioDeviceWriteIOps.[].Rate", """ "HostConfig":{"BlkioDeviceWriteIOps":[{"Path":"%disk%","Rate":200}]} """, "cat /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device", "%disk number% 200"),
        Field("ContainerCreate", "HostConfig.CpuRealtimePeriod HostConfig.CpuRealtimeRuntime", """ "HostConfig":{"CpuRealtimePeriod":1000000,"CpuRealtimeRuntime":1000} """),
        Field("ContainerCreate", "HostConfig.Ulimits.[].Name HostConfig.Ulimits.[].Soft HostConfig.Ulimits.[].Hard", """ "HostConfig":{"Ulimits":[{"Name":"nofile","Soft":1000,"Hard":2000}]} """, "ulimit -Sn; ulimit -Hn", "1000\n2000"),
        Field("ContainerCreate", "HostConfig.CpuCount", """ "HostConfig":{"CpuCount":1} """, "echo ran", "ran"),
        Field("ContainerCreate", "HostConfig.OomScoreAdj", """ "HostConfig":{"OomScoreAdj":500} """, "cat /proc/self/oom_score_adj", "500"),
        Field("ContainerCreate", "HostConfig.CgroupParent", """ "HostConfig":{"CgroupParent":"/%name%","CgroupnsMode":"host"} """, "grep -c '/%name%/' /proc/self/cgroup | sed 's/[1-9][0-9]*/some/'", "some"),
        Field("ContainerCreate", "HostConfig.CgroupnsMode", """ "HostConfig":{"CgroupnsMode":"private"} """, "sed -n 's/.*\\(pids\\|0:\\).*:/:/p' /proc/self/cgroup", ":/|:/\n:/"),
        Field("ContainerCreate", "HostConfig.ShmSize", """ "HostConfig":{"ShmSize":1048576} """, "grep ' /dev/shm ' /proc/self/mountinfo | grep -o size=1024k", "size=1024k"),
        Field("ContainerCreate", "HostConfig.Sysctls", """ "HostConfig":{"Sysctls":{"net.core.somaxconn":"77"}} """, "cat /proc/sys/net/core/somaxconn", "77"),
    ];
}
