using System.Security.Cryptography;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Volumes;

/// <summary>Volumes and mounts as docker's users know them.</summary>
public sealed class VolumeTests(EngineFixture engine) : IAsyncDisposable
{
    private readonly string _suffix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
    private readonly List<string> _volumes = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-volumes-").FullName;

    private string Name(string name)
    {
        var whole = $"{name}-{_suffix}";
        _volumes.Add(whole);
        return whole;
    }

    private Task<CommandResult> RunAsync(string[] options, params string[] command) => engine.DockerAsync(["run", "--rm", .. options, "busybox", .. command]);

    public async ValueTask DisposeAsync()
    {
        foreach (var volume in _volumes) await engine.DockerAsync("volume", "rm", "-f", volume);
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task What_one_container_writes_another_reads()
    {
        var volume = Name("shared");
        (await RunAsync(["-v", $"{volume}:/data"], "sh", "-c", "echo kept > /data/file")).ShouldExit(0);
        (await RunAsync(["-v", $"{volume}:/other:ro"], "cat", "/other/file")).ShouldExit(0).Text.ShouldBe("kept");
        (await RunAsync(["-v", $"{volume}:/other:ro"], "touch", "/other/new")).ShouldExit(1).Error.ShouldContain("Read-only file system");
    }

    [Fact]
    public async Task A_new_volume_holds_what_the_image_has_there_unless_told_not_to()
    {
        (await RunAsync(["-v", $"{Name("full")}:/bin"], "ls", "/bin/busybox")).ShouldExit(0);
        (await RunAsync(["-v", $"{Name("empty")}:/etc:nocopy"], "ls", "/etc")).ShouldExit(0).Text.Split('\n').ShouldNotContain("passwd");
        (await RunAsync(["--mount", $"type=volume,src={Name("mounted")},dst=/etc,volume-nocopy"], "ls", "/etc")).ShouldExit(0).Text.Split('\n').ShouldNotContain("passwd");
    }

    [Fact]
    public async Task A_volume_in_use_stays_and_goes_with_force_only_when_unused()
    {
        var volume = Name("used");
        await using var container = await RunningContainer.StartAsync(engine, ["-v", $"{volume}:/data"], "sleep", "1000");
        (await engine.DockerAsync("volume", "rm", volume)).ShouldExit(1).Error.ShouldContain($"remove {volume}: volume is in use - [{container.Id}]");
        (await engine.DockerAsync("volume", "rm", "-f", volume)).ExitCode.ShouldBe(1);
        (await engine.DockerAsync("volume", "ls", "-q", "--filter", "dangling=true", "--filter", $"name={volume}")).Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task Anonymous_volumes_go_with_their_container()
    {
        var before = (await engine.DockerAsync("volume", "ls", "-q")).Text;
        (await RunAsync(["-v", "/data"], "touch", "/data/x")).ShouldExit(0);
        (await engine.DockerAsync("volume", "ls", "-q")).Text.ShouldBe(before);
    }

    [Fact]
    public async Task Options_of_the_local_driver_mount_file_systems()
    {
        File.WriteAllText(Path.Combine(_directory, "file"), "from the host");
        var (bound, memory, broken) = (Name("bound"), Name("memory"), Name("broken"));
        (await engine.DockerAsync("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", $"device={_directory}", bound)).ShouldExit(0);
        (await RunAsync(["-v", $"{bound}:/data"], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("from the host");
        (await engine.DockerAsync("volume", "rm", bound)).ShouldExit(0);
        File.Exists(Path.Combine(_directory, "file")).ShouldBeTrue("what is mounted is not the volume's to delete");
        (await engine.DockerAsync("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=700", memory)).ShouldExit(0);
        await using (await RunningContainer.StartAsync(engine, ["-v", $"{memory}:/data"], "sh", "-c", "echo together > /data/file; sleep 1000"))
        {
            for (int attempt = 0; attempt < 20 && (await RunAsync(["-v", $"{memory}:/data"], "cat", "/data/file")).Text != "together"; attempt++) await Task.Delay(50, TestContext.Current.CancellationToken);
            (await RunAsync(["-v", $"{memory}:/data"], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("together");
            (await RunAsync(["-v", $"{memory}:/data"], "df", "-k", "/data")).ShouldExit(0).Out.ShouldContain("1024 ");
        }
        (await engine.DockerAsync("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/no/such/place", broken)).ShouldExit(0);
        (await RunAsync(["-v", $"{broken}:/data"], "true")).ShouldExit(127).Error.ShouldContain("failed to mount local volume");
        (await engine.DockerAsync("volume", "create", "-o", "foo=bar", Name("odd"))).ShouldExit(1).Error.ShouldContain("invalid option: \"foo\"");
    }

    [Fact]
    public async Task Part_of_a_volume_and_no_way_out_of_it()
    {
        var volume = Name("parts");
        (await RunAsync(["-v", $"{volume}:/data"], "sh", "-c", "mkdir -p /data/sub && echo part > /data/sub/file && ln -s /etc /data/out")).ShouldExit(0);
        (await RunAsync(["--mount", $"type=volume,src={volume},dst=/data,volume-subpath=sub"], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("part");
        (await RunAsync(["--mount", $"type=volume,src={volume},dst=/data,volume-subpath=nothere"], "true")).ShouldExit(127).Error.ShouldContain("no such file or directory");
        (await RunAsync(["--mount", $"type=volume,src={volume},dst=/data,volume-subpath=../other"], "true")).ShouldExit(125).Error.ShouldContain("subpath must be a relative path within the volume");
        (await RunAsync(["--mount", $"type=volume,src={volume},dst=/data,volume-subpath=out"], "cat", "/data/hostname")).ExitCode.ShouldNotBe(0);
    }

    [Fact]
    public async Task Volumes_of_another_container()
    {
        var volume = Name("from");
        await using var owner = await RunningContainer.StartAsync(engine, ["-v", $"{volume}:/data", "-v", $"{_directory}:/host"], "sh", "-c", "echo owner > /data/file; sleep 1000");
        (await RunAsync(["--volumes-from", owner.Id], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("owner");
        (await RunAsync(["--volumes-from", $"{owner.Id}:ro"], "touch", "/host/x")).ShouldExit(1).Error.ShouldContain("Read-only file system");
    }

    [Fact]
    public async Task Binds_with_their_options()
    {
        File.WriteAllText(Path.Combine(_directory, "file"), "x");
        (await RunAsync(["-v", $"{_directory}:/data"], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("x");
        (await RunAsync(["-v", $"{_directory}/made:/data"], "touch", "/data/new")).ShouldExit(0);
        File.Exists($"{_directory}/made/new").ShouldBeTrue("-v makes the directory");
        (await RunAsync(["--mount", $"type=bind,src={_directory}/missing,dst=/data"], "true")).ShouldExit(125).Error.ShouldContain($"bind source path does not exist: {_directory}/missing");
        (await RunAsync(["--mount", $"type=bind,src={_directory},dst=/data,readonly"], "touch", "/data/new")).ShouldExit(1);
        (await RunAsync(["-v", $"{_directory}:data"], "true")).ShouldExit(125).Error.ShouldContain("mount path must be absolute");
        (await RunAsync(["-v", $"{_directory}:/"], "true")).ShouldExit(125).Error.ShouldContain("destination can't be '/'");
        (await RunAsync(["-v", $"{_directory}:/a", "--mount", $"type=bind,src={_directory},dst=/a"], "true")).ShouldExit(125).Error.ShouldContain("Duplicate mount point: /a");
    }

    [Fact]
    public async Task Owners_are_shown_as_others_where_asked_for()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such mode: it is podman's");
        File.WriteAllText(Path.Combine(_directory, "file"), "x");
        (await CommandResult.RunAsync("chown", ["-R", "1000:1001", _directory])).ShouldExit(0);
        // Whose owner is not mapped not even root may pass by.
        (await CommandResult.RunAsync("chmod", ["755", _directory])).ShouldExit(0);
        var shown = await RunAsync(["-v", $"{_directory}:/data:idmap=uids=1000-0-1#0-5-1;gids=1001-7-1"], "stat", "-c", "%u:%g", "/data/file");
        if (shown.ExitCode != 0 && shown.Error.Contains("mount_setattr", StringComparison.Ordinal)) Assert.Skip($"the file system or kernel has no mapped owners: {shown.Error.Trim()}");
        shown.ShouldExit(0).Text.ShouldBe("0:7");
        (await RunAsync(["-v", $"{_directory}:/data:idmap=uids=1000-0-1;gids=1001-0-1"], "touch", "/data/made")).ShouldExit(0);
        (await CommandResult.RunAsync("stat", ["-c", "%u:%g", Path.Combine(_directory, "made")])).ShouldExit(0).Text.ShouldBe("1000:1001", "what root makes is the mapped owner's on the host");
        (await RunAsync(["-v", $"{_directory}:/data:idmap=nonsense"], "true")).ShouldExit(125).Error.ShouldContain("invalid mode: idmap=nonsense");
    }

    [Fact]
    public async Task Read_only_reaches_what_is_mounted_below()
    {
        Assert.SkipUnless(engine.IsWharf, "the peer has a mount namespace of its own and does not see what is mounted here");
        var inner = Directory.CreateDirectory(Path.Combine(_directory, "inner")).FullName;
        (await CommandResult.RunAsync("mount", ["-t", "tmpfs", "tmpfs", inner])).ShouldExit(0);
        try
        {
            (await RunAsync(["-v", $"{_directory}:/data"], "touch", "/data/inner/x")).ShouldExit(0);
            (await RunAsync(["-v", $"{_directory}:/data:ro"], "touch", "/data/inner/y")).ShouldExit(1);
            (await RunAsync(["--mount", $"type=bind,src={_directory},dst=/data,readonly,bind-recursive=writable"], "touch", "/data/inner/z")).ShouldExit(0);
            (await RunAsync(["--mount", $"type=bind,src={_directory},dst=/data,bind-recursive=disabled"], "ls", "/data/inner")).ShouldExit(0).Text.ShouldBeEmpty();
        }
        finally { (await CommandResult.RunAsync("umount", ["-l", inner])).ShouldExit(0); }
    }

    [Fact]
    public async Task Mounts_made_later_on_the_host_appear_where_propagation_is_asked_for()
    {
        Assert.SkipUnless(engine.IsWharf, "the peer has a mount namespace of its own and does not see what is mounted here");
        (await CommandResult.RunAsync("mount", ["--bind", _directory, _directory])).ShouldExit(0);
        try
        {
            (await RunAsync(["-v", $"{_directory}:/data:rshared"], "true")).ShouldExit(125).Error.ShouldContain("is not a shared mount");
            (await CommandResult.RunAsync("mount", ["--make-rshared", _directory])).ShouldExit(0);
            await using var container = await RunningContainer.StartAsync(engine, ["-v", $"{_directory}:/data:rslave"], "sleep", "1000");
            Directory.CreateDirectory(Path.Combine(_directory, "late"));
            (await CommandResult.RunAsync("mount", ["-t", "tmpfs", "tmpfs", Path.Combine(_directory, "late")])).ShouldExit(0);
            File.WriteAllText(Path.Combine(_directory, "late", "file"), "seen");
            (await engine.DockerAsync("exec", container.Id, "cat", "/data/late/file")).ShouldExit(0).Text.ShouldBe("seen");
            (await CommandResult.RunAsync("umount", ["-l", Path.Combine(_directory, "late")])).ShouldExit(0);
        }
        finally { await CommandResult.RunAsync("umount", ["-l", _directory]); }
    }

    [Fact]
    public async Task What_holds_the_engines_own_files_is_bound_as_a_slave()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["-v", "/:/host:ro"], "sleep", "1000");
        (await engine.DockerAsync("inspect", container.Id, "--format", "{{range .Mounts}}{{.Propagation}}{{end}}")).ShouldExit(0).Text.ShouldBe("rslave");
        (await RunAsync(["-v", "/:/host:private"], "true")).ShouldExit(125).Error.ShouldContain("invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root");
    }

    [Fact]
    public async Task Memory_file_systems()
    {
        (await RunAsync(["--tmpfs", "/scratch:size=1m,mode=1777"], "df", "-k", "/scratch")).ShouldExit(0).Out.ShouldContain("1024 ");
        (await RunAsync(["--mount", "type=tmpfs,dst=/scratch,tmpfs-size=2m,tmpfs-mode=700"], "sh", "-c", "df -k /scratch; ls -ld /scratch")).ShouldExit(0).Out.ShouldContain("drwx------");
    }

    [Fact]
    public async Task An_image_can_be_mounted()
    {
        (await RunAsync(["--mount", "type=image,src=busybox,dst=/img"], "ls", "/img/bin/busybox")).ShouldExit(0);
        (await RunAsync(["--mount", "type=image,src=busybox,dst=/img"], "touch", "/img/x")).ShouldExit(1).Error.ShouldContain("Read-only file system");
        (await RunAsync(["--mount", "type=image,src=busybox,dst=/img,image-subpath=bin"], "ls", "/img/busybox")).ShouldExit(0);
        (await RunAsync(["--mount", "type=image,src=nosuch,dst=/img"], "true")).ShouldExit(125);
    }

    [Fact]
    public async Task Prune_takes_what_it_is_told_to()
    {
        var (named, other) = (Name("named"), Name("other"));
        (await engine.DockerAsync("volume", "create", "--label", $"wt={_suffix}", named)).ShouldExit(0);
        (await engine.DockerAsync("volume", "create", other)).ShouldExit(0);
        (await engine.DockerAsync("volume", "prune", "-f", "--filter", $"label=wt={_suffix}")).ShouldExit(0).Out.ShouldNotContain(named);
        var pruned = (await engine.DockerAsync("volume", "prune", "-a", "-f", "--filter", $"label=wt={_suffix}")).ShouldExit(0).Out;
        pruned.ShouldContain(named);
        pruned.ShouldNotContain(other);
        (await engine.DockerAsync("volume", "inspect", other)).ShouldExit(0);
    }

    [Fact]
    public async Task A_plugin_serves_volumes()
    {
        using var plugin = new FakeVolumePlugin("wt" + _suffix, _directory);
        var volume = Name("plugged");
        (await engine.DockerAsync("volume", "create", "-d", plugin.Name, "-o", "colour=red", volume)).ShouldExit(0);
        (await RunAsync(["-v", $"{volume}:/data"], "sh", "-c", "echo plugged > /data/file")).ShouldExit(0);
        File.ReadAllText(Path.Combine(_directory, volume, "file")).ShouldBe("plugged\n");
        (await engine.DockerAsync("volume", "inspect", volume, "--format", "{{.Driver}} {{.Mountpoint}}")).Text.ShouldBe($"{plugin.Name} {_directory}/{volume}");
        (await engine.DockerAsync("volume", "rm", volume)).ShouldExit(0);
        var calls = plugin.Calls.ToList();
        calls.ShouldContain(call => call.StartsWith("/VolumeDriver.Create", StringComparison.Ordinal) && call.Contains("red", StringComparison.Ordinal));
        calls.Count(call => call.StartsWith("/VolumeDriver.Mount", StringComparison.Ordinal)).ShouldBe(calls.Count(call => call.StartsWith("/VolumeDriver.Unmount", StringComparison.Ordinal)), string.Join('\n', calls));
        calls.ShouldContain(call => call.StartsWith("/VolumeDriver.Remove", StringComparison.Ordinal));
        (await engine.DockerAsync("volume", "create", "-d", "nosuchdriver", Name("none"))).ShouldExit(1).Error.ShouldContain("plugin \"nosuchdriver\" not found");
    }

    [Fact]
    public async Task Volumes_that_a_plugin_has_already_are_listed_used_and_removed()
    {
        using var plugin = new FakeVolumePlugin("wf" + _suffix, _directory);
        var volume = Name("foreign");
        Directory.CreateDirectory(Path.Combine(_directory, volume));
        (await engine.DockerAsync("volume", "ls", "--format", "{{.Driver}} {{.Name}}")).ShouldExit(0).Text.Split('\n').ShouldContain($"{plugin.Name} {volume}");
        (await engine.DockerAsync("volume", "inspect", volume, "--format", "{{.Driver}} {{.Mountpoint}} {{.Scope}}")).ShouldExit(0).Text.ShouldBe($"{plugin.Name} {_directory}/{volume} local");
        (await RunAsync(["-v", $"{volume}:/data"], "sh", "-c", "echo used > /data/file")).ShouldExit(0);
        File.ReadAllText(Path.Combine(_directory, volume, "file")).ShouldBe("used\n");
        (await engine.DockerAsync("volume", "rm", volume)).ShouldExit(0);
        Directory.Exists(Path.Combine(_directory, volume)).ShouldBeFalse();
    }

    [Fact]
    public async Task Volumes_are_copied_renamed_saved_and_restored()
    {
        Assert.SkipUnless(engine.IsWharf, "Wharf's own verbs");
        var (first, copy, moved, restored) = (Name("first"), Name("copy"), Name("moved"), Name("restored"));
        (await RunAsync(["-v", $"{first}:/data"], "sh", "-c", "echo one > /data/file; chown 1234:5678 /data/file; chmod 640 /data/file; ln -s file /data/link")).ShouldExit(0);
        (await engine.WharfAsync("volume", "cp", first, copy)).ShouldExit(0);
        (await RunAsync(["-v", $"{copy}:/data"], "sh", "-c", "stat -c '%u %g %a' /data/file; cat /data/link")).ShouldExit(0).Text.ShouldBe("1234 5678 640\none");
        (await engine.WharfAsync("volume", "mv", copy, moved)).ShouldExit(0);
        (await RunAsync(["-v", $"{moved}:/data"], "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("one");
        (await engine.DockerAsync("volume", "inspect", copy)).ExitCode.ShouldBe(1);
        var snapshot = (await engine.WharfAsync("volume", "snapshot", first)).ShouldExit(0).Text;
        _volumes.Add(snapshot);
        (await engine.DockerAsync("volume", "inspect", snapshot, "--format", "{{json .Labels}}")).Text.ShouldContain($"\"wharf.volume.snapshot-of\":\"{first}\"");
        var file = Path.Combine(_directory, "saved.tar");
        (await engine.WharfAsync("volume", "export", "-o", file, first)).ShouldExit(0);
        (await engine.WharfAsync("volume", "import", restored, file)).ShouldExit(0);
        (await RunAsync(["-v", $"{restored}:/data"], "sh", "-c", "stat -c '%u %g %a' /data/file; cat /data/link")).ShouldExit(0).Text.ShouldBe("1234 5678 640\none");
        (await engine.WharfAsync("volume", "cp", first, moved)).ShouldExit(1).Error.ShouldContain("already exists");
        await using var container = await RunningContainer.StartAsync(engine, ["-v", $"{moved}:/data"], "sleep", "1000");
        (await engine.WharfAsync("volume", "mv", moved, Name("never"))).ShouldExit(1).Error.ShouldContain("volume is in use");
    }
}
