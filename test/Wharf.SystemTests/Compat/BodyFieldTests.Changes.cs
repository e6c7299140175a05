using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class BodyFieldTests
{
    /// <summary>Limits changed while a container runs; its first memory limit is 64 MiB.</summary>
    public static TheoryData<string, string, string, string, string, string> Updates =>
    [
        Field("ContainerUpdate", "CpuShares", """ "CpuShares":512 """, Cgroup("cpu/cpu.shares", "cpu.weight"), "512|20|59"),
        Field("ContainerUpdate", "CpuPeriod CpuQuota", """ "CpuPeriod":50000,"CpuQuota":25000 """, "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max", "25000\n50000|25000 50000"),
        Field("ContainerUpdate", "NanoCpus", """ "NanoCpus":500000000 """, Cgroup("cpu/cpu.cfs_quota_us", "cpu.max"), "50000|50000 100000"),
        Field("ContainerUpdate", "CpusetCpus CpusetMems", """ "CpusetCpus":"1","CpusetMems":"0" """, "sed -n 's/^\\(Cpus\\|Mems\\)_allowed_list:\\t//p' /proc/self/status", "1\n0"),
        Field("ContainerUpdate", "Memory MemorySwap", """ "Memory":33554432,"MemorySwap":50331648 """, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max", "33554432\n50331648|33554432\n16777216"),
        Field("ContainerUpdate", "MemoryReservation", """ "MemoryReservation":33554432 """, Cgroup("memory/memory.soft_limit_in_bytes", "memory.low"), "33554432"),
        Field("ContainerUpdate", "PidsLimit", """ "PidsLimit":77 """, Cgroup("pids/pids.max", "pids.max"), "77"),
        Field("ContainerUpdate", "RestartPolicy.Name RestartPolicy.MaximumRetryCount", """ "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3} """),
        Field("ContainerUpdate", "CpuRealtimePeriod CpuRealtimeRuntime", """ "CpuRealtimePeriod":0,"CpuRealtimeRuntime":0 """),
        // What an update does not change, though its body may have it.
        Field("ContainerUpdate", "CgroupParent", """ "CgroupParent":"/x" """, told: """ {"CgroupParent":""} """),
        Field("ContainerUpdate", "MemorySwappiness", """ "MemorySwappiness":33 """, told: """ {"MemorySwappiness":null} """),
        Field("ContainerUpdate", "OomKillDisable", """ "OomKillDisable":true """, told: """ {"OomKillDisable":false} """),
        Field("ContainerUpdate", "Init", """ "Init":false """, told: """ {"Init":true} """),
        Field("ContainerUpdate", "KernelMemoryTCP", """ "KernelMemoryTCP":16777216 """, told: """ {"KernelMemoryTCP":null} """),
        Field("ContainerUpdate", "BlkioWeightDevice.[].Path BlkioWeightDevice.[].Weight", """ "BlkioWeightDevice":[{"Path":"%disk%","Weight":400}] """, told: """ {"BlkioWeightDevice":[]} """),
        Field("ContainerUpdate", "Devices.[].PathOnHost Devices.[].PathInContainer Devices.[].CgroupPermissions", """ "Devices":[{"PathOnHost":"/dev/loop-control","PathInContainer":"/dev/mine","CgroupPermissions":"r"}] """, told: """ {"Devices":[]} """),
        Field("ContainerUpdate", "DeviceCgroupRules", """ "DeviceCgroupRules":["c 10:237 r"] """, told: """ {"DeviceCgroupRules":null} """),
        Field("ContainerUpdate", "DeviceRequests.[].Driver DeviceRequests.[].Count DeviceRequests.[].DeviceIDs DeviceRequests.[].Capabilities DeviceRequests.[].Options", """ "DeviceRequests":[{"Driver":"cdi","Count":0,"DeviceIDs":["vendor.test/kind=one"],"Capabilities":[["gpu"]],"Options":{"a":"b"}}] """, told: """ {"DeviceRequests":null} """),
        Field("ContainerUpdate", "CpuCount", """ "CpuCount":1 """, told: """ {"CpuCount":0} """),
        Field("ContainerUpdate", "CpuPercent", """ "CpuPercent":50 """, told: """ {"CpuPercent":0} """),
    ];

    /// <summary>What docker passes over in an update, and what counts here.</summary>
    public static TheoryData<string, string, string, string, string, string> OwnUpdates =>
    [
        Field("ContainerUpdate", "BlkioDeviceReadBps.[].Path BlkioDeviceReadBps.[].Rate", """ "BlkioDeviceReadBps":[{"Path":"%disk%","Rate":1048576}] """, "cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device", "%disk number% 1048576"),
        Field("ContainerUpdate", "BlkioDeviceWriteBps.[].Path BlkioDeviceWriteBps.[].Rate", """ "BlkioDeviceWriteBps":[{"Path":"%disk%","Rate":1048576}] """, "cat /sys/fs/cgroup/blkio/blkio.throttle.write_bps_device", "%disk number% 1048576"),
        Field("ContainerUpdate", "BlkioDeviceReadIOps.[].Path BlkioDeviceReadIOps.[].Rate", """ "BlkioDeviceReadIOps":[{"Path":"%disk%","Rate":1048576}] """, "cat /sys/fs/cgroup/blkio/blkio.throttle.read_iops_device", "%disk number% 1048576"),
        Field("ContainerUpdate", "BlkioDeviceWriteIOps.[].Path BlkioDeviceWriteIOps.[].Rate", """ "BlkioDeviceWriteIOps":[{"Path":"%disk%","Rate":1048576}] """, "cat /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device", "%disk number% 1048576"),
        Field("ContainerUpdate", "Ulimits.[].Name Ulimits.[].Soft Ulimits.[].Hard", """ "Ulimits":[{"Name":"nofile","Soft":1000,"Hard":2000}] """, "ulimit -Sn; ulimit -Hn", "1000\n2000"),
    ];

    [Theory]
    [MemberData(nameof(OwnUpdates))]
    public async Task A_running_container_is_changed_in_more_than_docker_changes(string operation, string fields, string members, string command, string output, string told)
    {
        Assert.SkipUnless(engine.IsWharf, "docker passes over it");
        await A_running_container_is_changed(operation, fields, members, command, output, told);
    }

    [Theory]
    [MemberData(nameof(Updates))]
    public async Task A_running_container_is_changed(string operation, string fields, string members, string command, string output, string told)
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        (await engine.DockerAsync("run", "-d", "--init", "--name", place.Name, "-m", "64m", "busybox:latest", "sleep", "1000")).ShouldExit(0);
        var body = $"{{{await place.FillAsync(members)}}}";
        await api.CallAsync(operation, $"/containers/{place.Name}/update", 200, body);
        Shows((await place.InspectAsync($"/containers/{place.Name}/json"))["HostConfig"], JsonNode.Parse(told.Length > 0 ? told : body), fields);
        if (output.Length > 0) (await engine.DockerAsync("exec", place.Name, "sh", "-c", command)).Text.ShouldBeOneOf((await place.FillAsync(output)).Split('|'), fields);
    }

    /// <summary>Of an exec: what it is asked for, and what it prints.</summary>
    public static TheoryData<string, string, string, string, string, string> Execs =>
    [
        Field("ContainerExec", "Cmd AttachStdout AttachStderr", """ "AttachStdout":true,"AttachStderr":true,"Cmd":["sh","-c","echo out; echo err >&2"] """, output: "out\nerr|err\nout"),
        Field("ContainerExec", "Env", """ "AttachStdout":true,"Env":["A=b c"],"Cmd":["sh","-c","echo $A"] """, output: "b c"),
        Field("ContainerExec", "User", """ "AttachStdout":true,"User":"33:50","Cmd":["sh","-c","id -u; id -g"] """, output: "33\n50"),
        Field("ContainerExec", "WorkingDir", """ "AttachStdout":true,"WorkingDir":"/tmp","Cmd":["pwd"] """, output: "/tmp"),
        Field("ContainerExec", "Privileged", """ "AttachStdout":true,"Privileged":true,"Cmd":["sed","-n","s/CapEff:\\t//p","/proc/self/status"] """, output: "%host capabilities%"),
        Field("ContainerExec", "Tty ConsoleSize", """ "AttachStdout":true,"Tty":true,"ConsoleSize":[20,30],"Cmd":["sh","-c","tty; stty size"] """, output: "/dev/pts/0\n20 30"),
        Field("ExecStart", "Tty ConsoleSize", """ "AttachStdout":true,"Tty":true,"Cmd":["stty","size"] """, output: "25 35"),
        Field("ExecStart", "Detach", """ "Cmd":["sh","-c","echo ran > /ran"] """),
    ];

    [Theory]
    [MemberData(nameof(Execs))]
    public async Task An_exec_is_what_its_fields_ask_for(string operation, string fields, string members, string command, string output, string told)
    {
        (command + told).ShouldBeEmpty("an exec is its own command, and tells what it is by what it prints");
        await using var place = new BodyFieldPlace(engine);
        using var api = new EngineApi(engine.SocketPath);
        (await engine.DockerAsync("run", "-d", "--init", "--name", place.Name, "busybox:latest", "sleep", "1000")).ShouldExit(0);
        var made = await api.PostAsync($"/containers/{place.Name}/exec", $"{{{members}}}");
        made.Status.ShouldBe(201, made.Text);
        bool tty = members.Contains("\"Tty\":true", StringComparison.Ordinal);
        var start = operation == "ExecStart" ? fields == "Detach" ? """{"Detach":true}""" : """{"Tty":true,"ConsoleSize":[25,35]}""" : tty ? """{"Tty":true}""" : "{}";
        var id = made.Json["Id"]!.GetValue<string>();
        var ran = await api.PostAsync($"/exec/{id}/start", start);
        ran.Status.ShouldBe(200, ran.Text);
        if (output.Length > 0) (tty ? ran.Text.Replace("\r", "", StringComparison.Ordinal) : Unframed(ran.Body)).TrimEnd('\n').ShouldBeOneOf((await place.FillAsync(output)).Split('|'), fields);
        for (int i = 0; i < 100 && (await api.GetAsync($"/exec/{id}/json")).Json["Running"]!.GetValue<bool>(); i++) await Task.Delay(20);
        (await api.GetAsync($"/exec/{id}/json")).Json["ExitCode"]!.GetValue<int>().ShouldBe(0);
        if (fields == "Detach") (await engine.DockerAsync("exec", place.Name, "cat", "/ran")).Text.ShouldBe("ran");
    }

    /// <summary>What is in the frames of a stream: a byte for which it is, three of nothing, the length, and so many bytes.</summary>
    internal static string Unframed(byte[] stream)
    {
        var text = new System.Text.StringBuilder();
        for (int at = 0; at < stream.Length;)
        {
            int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(stream.AsSpan(at + 4));
            text.Append(System.Text.Encoding.UTF8.GetString(stream, at + 8, length));
            at += 8 + length;
        }
        return text.ToString();
    }

    /// <summary>What this engine on Linux does not do, or this machine cannot, and says so.</summary>
    [Theory]
    [InlineData("""{"IOMaximumIOps":1}""", "invalid option: QoS maximum IOPs configuration is not supported on linux")]
    [InlineData("""{"IOMaximumBandwidth":1}""", "invalid option: QoS maximum bandwidth configuration is not supported on linux")]
    [InlineData("""{"Isolation":"hyperv"}""", "invalid isolation (hyperv): linux only supports 'default'")]
    [Covers("ContainerCreate", "HostConfig.IOMaximumIOps", "HostConfig.IOMaximumBandwidth")]
    public async Task What_is_not_there_is_refused(string host, string message)
    {
        using var api = new ApiSession(engine.SocketPath);
        (await api.CallAsync("ContainerCreate", "/containers/create", 400, $$"""{"Image":"busybox:latest","HostConfig":{{host}} }""")).GetProperty("message").GetString().ShouldBe(message);
    }

    [Fact]
    [Covers("ContainerCreate", "HostConfig.StorageOpt")]
    public async Task A_size_for_the_writable_layer_needs_a_file_system_with_quotas()
    {
        var made = await engine.DockerAsync("create", "--storage-opt", "size=1G", "busybox:latest", "true");
        Assert.SkipWhen(made.ExitCode == 0, "this file system has project quotas: QuotaTests tell what comes of them");
        made.Error.ShouldContain("--storage-opt");
        made.Error.ShouldContain("pquota");
    }

    [Fact]
    [Covers("ContainerCreate", "HostConfig.CpuPercent"), Covers("ContainerUpdate", "IOMaximumIOps", "IOMaximumBandwidth")]
    public async Task What_only_other_systems_have_is_warned_of_or_passed_over()
    {
        const string Refused = "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps";
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        var made = await api.CallAsync("ContainerCreate", $"/containers/create?name={place.Name}", 201, """{"Image":"busybox:latest","HostConfig":{"CpuPercent":50}}""");
        made.GetProperty("Warnings")[0].GetString().ShouldBe("linux does not support CPU percent. Percent discarded.");
        (await api.CallAsync("ContainerUpdate", $"/containers/{place.Name}/update", 400, """{"IOMaximumIOps":1}""")).GetProperty("message").GetString().ShouldBe(Refused);
        (await api.CallAsync("ContainerUpdate", $"/containers/{place.Name}/update", 400, """{"IOMaximumBandwidth":1}""")).GetProperty("message").GetString().ShouldBe(Refused);
    }

    [Fact]
    [Covers("ContainerCreate", "HostConfig.BlkioWeight", "HostConfig.BlkioWeightDevice.[].Path", "HostConfig.BlkioWeightDevice.[].Weight"), Covers("ContainerUpdate", "BlkioWeight")]
    public async Task Weights_of_disks_are_set_or_warned_of()
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        var body = await place.FillAsync("""{"Image":"busybox:latest","HostConfig":{"BlkioWeight":300,"BlkioWeightDevice":[{"Path":"%disk%","Weight":400}]}}""");
        var warnings = (await api.CallAsync("ContainerCreate", $"/containers/create?name={place.Name}", 201, body)).GetProperty("Warnings").EnumerateArray().Select(warning => warning.GetString()).ToList();
        bool known = new[] { "/sys/fs/cgroup/blkio/blkio.weight", "/sys/fs/cgroup/blkio/blkio.bfq.weight", "/sys/fs/cgroup/system.slice/io.bfq.weight", "/sys/fs/cgroup/system.slice/io.weight" }.Any(File.Exists);
        var told = (await place.InspectAsync($"/containers/{place.Name}/json"))["HostConfig"]!;
        told["BlkioWeight"]!.GetValue<int>().ShouldBe(known ? 300 : 0);
        if (!known) warnings.ShouldContain("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
        await api.CallAsync("ContainerUpdate", $"/containers/{place.Name}/update", 200, """{"BlkioWeight":500}""");
        (await place.InspectAsync($"/containers/{place.Name}/json"))["HostConfig"]!["BlkioWeight"]!.GetValue<int>().ShouldBe(known ? 500 : 0);
    }
}
