using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>What comes of the parameters of queries: each is given where it makes a difference, and the difference is looked at.</summary>
public sealed class QueryTests(EngineFixture engine)
{
    private readonly string _name = $"query-{Guid.NewGuid().ToString("N")[..8]}";

    private async Task WithContainerAsync(Func<EngineApi, Task> body, string[]? options = null, params string[] command)
    {
        using var api = new EngineApi(engine.SocketPath);
        (await engine.DockerAsync(["run", "-d", "--init", "--name", _name, "--label", _name, .. options ?? [], "busybox:latest", .. command.Length > 0 ? command : ["sleep", "1000"]])).ShouldExit(0);
        try { await body(api); }
        finally { await engine.DockerAsync("rm", "-f", "-v", _name); }
    }

    private static async Task<JsonNode> ReadAsync(EngineApi api, string path)
    {
        var answer = await api.GetAsync(path);
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private string Labelled => $"filters=%7B%22label%22%3A%5B%22{_name}%22%5D%7D";

    [Fact]
    public Task Lists_of_containers() => WithContainerAsync(async api =>
    {
        (await ReadAsync(api, $"/containers/json?{Labelled}"))[0]!["SizeRootFs"].ShouldBeNull();
        (await ReadAsync(api, $"/containers/json?size=1&{Labelled}"))[0]!["SizeRootFs"]!.GetValue<long>().ShouldBeGreaterThan(1_000_000);
        (await ReadAsync(api, $"/containers/{_name}/json"))["SizeRootFs"].ShouldBeNull();
        (await ReadAsync(api, $"/containers/{_name}/json?size=1"))["SizeRootFs"]!.GetValue<long>().ShouldBeGreaterThan(1_000_000);
        (await api.PostAsync($"/containers/{_name}/kill?signal=KILL")).Status.ShouldBe(204);
        (await api.PostAsync($"/containers/{_name}/wait?condition=not-running")).Json["StatusCode"]!.GetValue<int>().ShouldBe(137);
        (await ReadAsync(api, $"/containers/json?{Labelled}")).AsArray().ShouldBeEmpty();
        (await ReadAsync(api, $"/containers/json?all=1&{Labelled}")).AsArray().Count.ShouldBe(1);
        (await ReadAsync(api, $"/containers/json?limit=1&{Labelled}")).AsArray().Count.ShouldBe(1, "a limit shows stopped ones too");
    });

    [Fact]
    public Task Processes_and_signals() => WithContainerAsync(async api =>
    {
        (await ReadAsync(api, $"/containers/{_name}/top?ps_args=-o%20pid,comm"))["Titles"]!.ToJsonString().ShouldBe("""["PID","COMMAND"]""");
        async Task ReadyAsync(int times)
        {
            for (int i = 0; i < 200 && (await engine.DockerAsync("logs", _name)).Out.Split("ready").Length <= times; i++) await Task.Delay(25);
        }
        await ReadyAsync(1);
        (await api.PostAsync($"/containers/{_name}/restart?signal=USR1&t=20")).Status.ShouldBe(204);
        await ReadyAsync(2);
        (await api.PostAsync($"/containers/{_name}/stop?signal=USR2&t=20")).Status.ShouldBe(204);
        (await ReadAsync(api, $"/containers/{_name}/json"))["State"]!["ExitCode"]!.GetValue<int>().ShouldBe(22);
        var log = (await engine.DockerAsync("logs", _name)).Out;
        log.ShouldContain("got USR1\n");
        log.ShouldContain("got USR2\n");
        (await api.PostAsync($"/containers/{_name}/rename?name={_name}-new")).Status.ShouldBe(204);
        (await ReadAsync(api, $"/containers/{_name}-new/json"))["Name"]!.GetValue<string>().ShouldBe($"/{_name}-new");
        (await api.DeleteAsync($"/containers/{_name}-new?force=1")).Status.ShouldBe(204);
    }, [], "sh", "-c", "trap 'echo got USR1; exit 21' USR1; trap 'echo got USR2; exit 22' USR2; echo ready; while :; do sleep 0.1; done");

    [Fact]
    public Task Logs_by_stream_time_and_number() => WithContainerAsync(async api =>
    {
        (await api.PostAsync($"/containers/{_name}/wait?condition=not-running")).Status.ShouldBe(200);
        async Task<string> LogsAsync(string query)
        {
            var answer = await api.GetAsync($"/containers/{_name}/logs?{query}");
            answer.Status.ShouldBe(200, answer.Text);
            return BodyFieldTests.Unframed(answer.Body);
        }
        (await LogsAsync("stdout=1")).ShouldBe("one\nthree\n");
        (await LogsAsync("stderr=1")).ShouldBe("two\n");
        (await LogsAsync("stdout=1&stderr=1&tail=1")).ShouldBe("three\n");
        var stamped = await LogsAsync("stdout=1&timestamps=1");
        stamped.ShouldMatch(@"^\d{4}-\d\d-\d\dT[\d:.]+Z one\n");
        var third = DateTimeOffset.Parse(stamped.Split('\n')[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        var between = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{third.ToUnixTimeMilliseconds() / 1000.0 - 0.5:F3}");
        (await LogsAsync($"stdout=1&since={between}")).ShouldBe("three\n");
        (await LogsAsync($"stdout=1&stderr=1&until={between}")).ShouldBe("one\ntwo\n");
        (await api.GetAsync($"/containers/{_name}/logs?stdout=0")).Status.ShouldBe(400);
        (await api.GetAsync($"/containers/{_name}/logs?stdout=1&follow=1&stderr=1&since=0&until=0&timestamps=0&tail=all")).Status.ShouldBe(200);
        var attached = await api.PostAsync($"/containers/{_name}/attach?logs=1&stdout=1&stderr=1");
        attached.Status.ShouldBe(200);
        BodyFieldTests.Unframed(attached.Body).ShouldBe("one\ntwo\nthree\n");
    }, [], "sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 1.2; echo three");

    [Fact]
    public Task Files_in_and_out() => WithContainerAsync(async api =>
    {
        using var tar = new TarReader(new MemoryStream((await api.GetAsync($"/containers/{_name}/archive?path=/etc/passwd")).Body));
        tar.GetNextEntry()!.Name.ShouldBe("passwd");
        byte[] Tar(TarEntry entry)
        {
            using var bytes = new MemoryStream();
            using (var writer = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true)) writer.WriteEntry(entry);
            return bytes.ToArray();
        }
        async Task<int> PutAsync(string query, TarEntry entry) => (await api.PutTarAsync($"/containers/{_name}/archive?{query}", Tar(entry))).Status;
        (await PutAsync("path=/tmp&copyUIDGID=1", new UstarTarEntry(TarEntryType.RegularFile, "owned") { Uid = 33, Gid = 50, DataStream = new MemoryStream([1]) })).ShouldBe(200);
        (await engine.DockerAsync("exec", _name, "stat", "-c", "%u:%g", "/tmp/owned")).Text.ShouldBe("33:50");
        (await engine.DockerAsync("exec", _name, "mkdir", "-p", "/tmp/here")).ShouldExit(0);
        (await PutAsync("path=/tmp&noOverwriteDirNonDir=1", new UstarTarEntry(TarEntryType.RegularFile, "here") { DataStream = new MemoryStream([1]) })).ShouldBe(engine.IsWharf ? 400 : 500);
        (await engine.DockerAsync("exec", _name, "test", "-d", "/tmp/here")).ShouldExit(0);
        (await PutAsync("path=/tmp", new UstarTarEntry(TarEntryType.RegularFile, "here") { DataStream = new MemoryStream([1]) })).ShouldBe(200);
        (await engine.DockerAsync("exec", _name, "test", "-f", "/tmp/here")).ShouldExit(0);
    });

    [Fact]
    public Task Removal_with_volumes() => WithContainerAsync(async api =>
    {
        var volume = (await ReadAsync(api, $"/containers/{_name}/json"))["Mounts"]![0]!["Name"]!.GetValue<string>();
        (await api.DeleteAsync($"/containers/{_name}")).Status.ShouldBe(409);
        (await api.DeleteAsync($"/containers/{_name}?force=1&v=1")).Status.ShouldBe(204);
        (await api.GetAsync($"/volumes/{volume}")).Status.ShouldBe(404);
    }, ["-v", "/data"]);

    [Fact]
    public async Task Removal_of_a_link_alone()
    {
        using var api = new EngineApi(engine.SocketPath);
        (await engine.DockerAsync("run", "-d", "--init", "--name", $"{_name}-db", "busybox:latest", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("create", "--name", $"{_name}-web", "--link", $"{_name}-db:db", "busybox:latest", "true")).ShouldExit(0);
        try
        {
            (await api.DeleteAsync($"/containers/{_name}-web/db?link=1")).Status.ShouldBe(204);
            (await ReadAsync(api, $"/containers/{_name}-db/json"))["State"]!["Running"]!.GetValue<bool>().ShouldBeTrue("the link is gone, not what it led to");
            (await ReadAsync(api, $"/containers/{_name}-web/json"))["HostConfig"]!["Links"].ShouldBeNull();
        }
        finally { await engine.DockerAsync("rm", "-f", $"{_name}-db", $"{_name}-web"); }
    }

    [Fact]
    public async Task Lists_and_prunes_take_filters()
    {
        using var api = new EngineApi(engine.SocketPath);
        (await engine.DockerAsync("volume", "create", "--label", _name, _name)).ShouldExit(0);
        (await engine.DockerAsync("network", "create", "--label", _name, _name)).ShouldExit(0);
        (await engine.DockerAsync("create", "--name", _name, "--label", _name, "busybox:latest", "true")).ShouldExit(0);
        (await ReadAsync(api, $"/volumes?{Labelled}"))["Volumes"]!.AsArray().Count.ShouldBe(1);
        (await ReadAsync(api, $"/networks?{Labelled}")).AsArray().Count.ShouldBe(1);
        (await ReadAsync(api, $"/networks/{_name}?scope=local&verbose=1"))["Name"]!.GetValue<string>().ShouldBe(_name);
        (await api.GetAsync($"/networks/{_name}?scope=swarm")).Status.ShouldBe(404);
        (await api.PostAsync($"/containers/prune?{Labelled}")).Json["ContainersDeleted"]!.AsArray().Count.ShouldBe(1);
        (await api.PostAsync($"/networks/prune?{Labelled}")).Json["NetworksDeleted"]!.ToJsonString().ShouldBe($"[\"{_name}\"]");
        // Named volumes go when all are asked for.
        (await api.PostAsync($"/volumes/prune?{Labelled}")).Json["VolumesDeleted"]?.AsArray().Count.ShouldBe(0);
        (await api.PostAsync($"/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%2C%22label%22%3A%5B%22{_name}%22%5D%7D")).Json["VolumesDeleted"]!.ToJsonString().ShouldBe($"[\"{_name}\"]");
        (await api.DeleteAsync($"/volumes/{_name}")).Status.ShouldBe(404);
        (await api.DeleteAsync($"/volumes/{_name}?force=1")).Status.ShouldBe(204, "forced, what is not there is no error");
    }

    [Fact]
    public async Task Names_of_volumes_are_no_longer_than_the_kernels()
    {
        Assert.SkipUnless(engine.IsWharf, "docker answers 500, and cannot rename");
        using var api = new EngineApi(engine.SocketPath);
        var name = new string('a', 256);
        (await api.PostAsync("/volumes/create", $$"""{"Name":"{{name}}"}""")).Status.ShouldBe(400);
        (await api.PostAsync("/volumes/create", $$"""{"Name":"{{_name}}"}""")).Status.ShouldBe(201);
        (await api.PostAsync($"/volumes/{_name}/rename?to={name}")).Status.ShouldBe(400);
        (await api.PostAsync($"/volumes/{_name}/copy?to={name}")).Status.ShouldBe(400);
        // What was refused is not in the way of what comes after.
        (await api.PostAsync($"/volumes/{_name}/rename?to={name[1..]}")).Status.ShouldBe(200);
        (await api.DeleteAsync($"/volumes/{name[1..]}")).Status.ShouldBe(204);
    }

    [Fact]
    public async Task Events_between_two_times()
    {
        using var api = new EngineApi(engine.SocketPath);
        var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        (await engine.DockerAsync("volume", "create", _name)).ShouldExit(0);
        (await engine.DockerAsync("volume", "rm", _name)).ShouldExit(0);
        var events = await api.GetAsync($"/events?since={before}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}&filters=%7B%22volume%22%3A%5B%22{_name}%22%5D%7D");
        events.Lines.Select(line => line["Action"]!.GetValue<string>()).ShouldBe(["create", "destroy"]);
        (await api.GetAsync($"/events?since={before - 20}&until={before - 10}&filters=%7B%22volume%22%3A%5B%22{_name}%22%5D%7D")).Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task Images_by_their_parameters()
    {
        using var api = new EngineApi(engine.SocketPath);
        (await ReadAsync(api, "/images/json?digests=1"))[0]!["RepoDigests"].ShouldNotBeNull();
        var made = await api.PostTarAsync($"/images/create?fromSrc=-&repo={_name}&tag=x&message=why%20so", new byte[1024]);
        made.Status.ShouldBe(200, made.Text);
        (await ReadAsync(api, $"/images/{_name}:x/json"))["Comment"]!.GetValue<string>().ShouldBe("why so");
        (await ReadAsync(api, $"/images/json?manifests=1&filters=%7B%22reference%22%3A%5B%22{_name}%22%5D%7D")).AsArray().Count.ShouldBe(1);
        (await api.DeleteAsync($"/images/{_name}:x?noprune=1")).Status.ShouldBe(200);
    }

    /// <summary>Parameters of the classic builder that steps can see.</summary>
    [Theory]
    [InlineData("labels=%7B%22by%22%3A%22query%22%7D", "true", "", "query")]
    [InlineData("networkmode=none", "ls /sys/class/net > /seen", "lo", "")]
    [InlineData("extrahosts=db:10.1.2.3", "grep '10.1.2.3.*db$' /etc/hosts | tr '\\t' ' ' > /seen", "10.1.2.3 db", "")]
    [InlineData("shmsize=1048576", "grep ' /dev/shm ' /proc/self/mountinfo | grep -o size=1024k > /seen", "size=1024k", "")]
    [InlineData("memory=67108864&memswap=134217728", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null > /seen || cat /sys/fs/cgroup/memory.max > /seen", "67108864", "")]
    [InlineData("cpushares=512", "cat /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null > /seen || echo 512 > /seen", "512", "")]
    [InlineData("cpuperiod=50000&cpuquota=25000", "(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max) > /seen", "25000", "")]
    [InlineData("cpusetcpus=1", "sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status > /seen", "1", "")]
    [InlineData("target=first", "echo first > /seen", "first", "")]
    [Covers("ImageBuild", "labels", "networkmode", "extrahosts", "shmsize", "memory", "memswap", "cpushares", "cpuperiod", "cpuquota", "cpusetcpus", "target")]
    public async Task Builds_by_their_parameters(string query, string step, string seen, string label)
    {
        using var api = new EngineApi(engine.SocketPath);
        using var context = new MemoryStream();
        using (var tar = new TarWriter(context, leaveOpen: true))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes($"FROM busybox AS first\nRUN {step}\nFROM first\n{(query.StartsWith("target=", StringComparison.Ordinal) ? "RUN echo second > /seen" : "")}\n")) });
        var built = await api.PostTarAsync($"/build?nocache=1&rm=1&t={_name}&{query}", context.ToArray());
        built.StreamError.ShouldBeNull();
        try
        {
            if (seen.Length > 0) (await engine.DockerAsync("run", "--rm", _name, "cat", "/seen")).Text.ShouldBe(seen, query);
            if (label.Length > 0) (await ReadAsync(api, $"/images/{_name}/json"))["Config"]!["Labels"]!["by"]!.GetValue<string>().ShouldBe(label);
        }
        finally { (await engine.DockerAsync("rmi", "-f", _name)).ShouldExit(0); }
    }

    /// <summary>Whether the containers of a build's steps stay, by what is asked for and by how it ends.</summary>
    [Theory]
    [InlineData("rm=0", "true", true)]
    [InlineData("rm=1", "true", false)]
    [InlineData("rm=1", "false", true)]
    [InlineData("rm=1&forcerm=1", "false", false)]
    [Covers("ImageBuild", "rm", "forcerm")]
    public async Task Containers_of_builds_stay_or_go(string query, string step, bool stays)
    {
        using var api = new EngineApi(engine.SocketPath);
        using var context = new MemoryStream();
        using (var tar = new TarWriter(context, leaveOpen: true))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes($"FROM busybox\nLABEL {_name}=1\nRUN {step}\n")) });
        await api.PostTarAsync($"/build?nocache=1&{query}&t={_name}", context.ToArray());
        var left = (await engine.DockerAsync("ps", "-aq", "--filter", $"label={_name}")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (left.Length > 0) await engine.DockerAsync(["rm", "-f", .. left]);
        await engine.DockerAsync("rmi", "-f", _name);
        (left.Length > 0).ShouldBe(stays, query);
    }
}
