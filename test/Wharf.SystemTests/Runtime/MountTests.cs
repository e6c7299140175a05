using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>The root and what is mounted in it.</summary>
public sealed class MountTests : IDisposable
{
    private readonly Bundle _bundle = new();
    private readonly string _source;

    public MountTests()
    {
        _source = Path.Combine(_bundle.Root, "source");
        Directory.CreateDirectory(Path.Combine(_source, "below"));
        File.WriteAllText(Path.Combine(_source, "file"), "text");
    }

    public void Dispose() => _bundle.Dispose();

    private Task<string> OptionsOf(string mountPoint) => _bundle.InsideAsync($"grep ' {mountPoint} ' /proc/self/mountinfo | tail -1 | cut -d' ' -f6");

    [Theory]
    [InlineData("ro", "ro")]
    [InlineData("nosuid", "nosuid")]
    [InlineData("nodev", "nodev")]
    [InlineData("noexec", "noexec")]
    [InlineData("noatime", "noatime")]
    [InlineData("nodiratime", "nodiratime")]
    public async Task A_bind_has_its_option(string option, string seen)
    {
        _bundle.Mount("/mnt", "bind", _source, "bind", option);
        (await OptionsOf("/mnt")).Split(',').ShouldContain(seen);
    }

    [Fact]
    public async Task A_read_only_bind_cannot_be_written()
    {
        _bundle.Mount("/mnt", "bind", _source, "bind", "ro");
        (await _bundle.InsideAsync("cat /mnt/file; echo more > /mnt/file || echo refused")).ShouldBe("textrefused");
    }

    [Fact]
    public async Task Recursive_read_only_holds_for_what_is_mounted_below()
    {
        await WithMountBelow(async () =>
        {
            _bundle.Mount("/mnt", "bind", _source, "rbind", "rro").Mount("/other", "bind", _source, "rbind", "ro");
            (await _bundle.InsideAsync("touch /mnt/below/x 2> /dev/null || echo refused; touch /other/below/x && echo allowed")).ShouldBe("refused\nallowed");
        });
    }

    [Fact]
    public async Task Bind_leaves_out_what_is_mounted_below_and_rbind_takes_it_along()
    {
        await WithMountBelow(async () =>
        {
            _bundle.Mount("/one", "bind", _source, "bind").Mount("/all", "bind", _source, "rbind");
            (await _bundle.InsideAsync("grep -c ' /one/below ' /proc/self/mountinfo; grep -c ' /all/below ' /proc/self/mountinfo")).ShouldBe("0\n1");
        }, exitCode: true);
    }

    private async Task WithMountBelow(Func<Task> body, bool exitCode = false)
    {
        _ = exitCode;
        (await CommandResult.RunAsync("mount", ["-t", "tmpfs", "wharf-test", Path.Combine(_source, "below")])).ShouldExit(0);
        try { await body(); }
        finally { (await CommandResult.RunAsync("umount", [Path.Combine(_source, "below")])).ShouldExit(0); }
    }

    [Fact]
    public async Task A_file_is_bound_over_one_that_is_made_for_it()
    {
        _bundle.Mount("/etc/deep/er/file", "bind", Path.Combine(_source, "file"), "bind");
        (await _bundle.InsideAsync("cat /etc/deep/er/file")).ShouldBe("text");
    }

    [Fact]
    public async Task A_tmpfs_has_its_size_and_mode()
    {
        _bundle.Mount("/scratch", "tmpfs", "tmpfs", "size=64k", "mode=1750", "nosuid");
        (await _bundle.InsideAsync("stat -c %a /scratch; df -k /scratch | tail -1 | awk '{print $2}'; head -c 100000 /dev/zero > /scratch/x 2> /dev/null || echo full")).ShouldBe("1750\n64\nfull");
    }

    [Fact]
    public async Task A_tmpfs_with_tmpcopyup_begins_with_what_it_covers()
    {
        Directory.CreateDirectory(Path.Combine(_bundle.Rootfs, "var", "data", "sub"));
        File.WriteAllText(Path.Combine(_bundle.Rootfs, "var", "data", "sub", "file"), "copied");
        File.CreateSymbolicLink(Path.Combine(_bundle.Rootfs, "var", "data", "link"), "sub/file");
        _bundle.Mount("/var/data", "tmpfs", "tmpfs", "tmpcopyup");
        (await _bundle.InsideAsync("cat /var/data/link; echo new > /var/data/new; stat -f -c %T /var/data")).ShouldBe("copiedtmpfs");
        File.Exists(Path.Combine(_bundle.Rootfs, "var", "data", "new")).ShouldBeFalse();
    }

    [Fact]
    public async Task An_overlay_is_mounted_with_its_directories()
    {
        foreach (var name in (string[])["lower", "upper", "work"]) Directory.CreateDirectory(Path.Combine(_bundle.Root, name));
        File.WriteAllText(Path.Combine(_bundle.Root, "lower", "file"), "low");
        _bundle.Mount("/layered", "overlay", "overlay", $"lowerdir={_bundle.Root}/lower", $"upperdir={_bundle.Root}/upper", $"workdir={_bundle.Root}/work");
        (await _bundle.InsideAsync("cat /layered/file; echo up > /layered/file")).ShouldBe("low");
        File.ReadAllText(Path.Combine(_bundle.Root, "upper", "file")).ShouldBe("up\n");
        File.ReadAllText(Path.Combine(_bundle.Root, "lower", "file")).ShouldBe("low");
    }

    [Fact]
    public async Task The_kernels_file_systems_are_there() =>
        (await _bundle.InsideAsync("stat -f -c %T /proc /sys /dev /dev/pts; grep -c ' /dev/mqueue .* mqueue ' /proc/self/mountinfo; head -c 2 /dev/zero | wc -c; readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx"))
            .ShouldBe("proc\nsysfs\ntmpfs\ndevpts\n1\n2\n/proc/self/fd\n/proc/self/fd/0\npts/ptmx");

    [Fact]
    public async Task The_cgroup_mount_shows_the_own_group_alone()
    {
        _bundle.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro");
        (await _bundle.InsideAsync($"cd {Cgroups.CgroupFiles.Inside("memory")}; cat cgroup.procs | wc -l; mkdir x 2> /dev/null || echo refused")).ShouldMatch("^[1-3]\nrefused$");
    }

    [Fact]
    public async Task A_read_only_root_cannot_be_written()
    {
        _bundle.Config["root"]!["readonly"] = true;
        (await _bundle.InsideAsync("touch /x 2> /dev/null || echo refused; touch /dev/shm/x && echo allowed")).ShouldBe("refused\nallowed");
    }

    [Fact]
    public async Task Masked_files_are_empty_and_masked_directories_too()
    {
        Directory.CreateDirectory(Path.Combine(_bundle.Rootfs, "secret"));
        File.WriteAllText(Path.Combine(_bundle.Rootfs, "secret", "file"), "x");
        File.WriteAllText(Path.Combine(_bundle.Rootfs, "etc", "key"), "x");
        _bundle.Linux["maskedPaths"] = new JsonArray("/secret", "/etc/key", "/proc/kcore", "/proc/timer_list", "/not/there");
        (await _bundle.InsideAsync("ls /secret | wc -l; cat /etc/key /proc/timer_list | wc -c; touch /secret/x 2> /dev/null || echo refused")).ShouldBe("0\n0\nrefused");
    }

    [Fact]
    public async Task Read_only_paths_cannot_be_written()
    {
        Directory.CreateDirectory(Path.Combine(_bundle.Rootfs, "fixed"));
        _bundle.Linux["readonlyPaths"] = new JsonArray("/proc/sys", "/fixed", "/not/there");
        (await _bundle.InsideAsync("touch /fixed/x 2> /dev/null || echo refused; echo x > /proc/sys/kernel/hostname 2> /dev/null || echo refused")).ShouldBe("refused\nrefused");
    }

    [Theory]
    [InlineData("private", "^- ")]
    [InlineData("slave", "master:")]
    [InlineData("shared", "shared:")]
    [InlineData("unbindable", "unbindable")]
    public async Task The_roots_propagation_is_as_configured(string propagation, string seen)
    {
        Assert.SkipWhen(Bundle.IsRunc && propagation != "private", "runc 1.1 has the root private in the end");
        // The bundle lies on a shared mount, as on a machine with systemd.
        await OnSharedMount(async () =>
        {
            _bundle.Linux["rootfsPropagation"] = propagation;
            (await _bundle.InsideAsync("awk '$5 == \"/\" { print $7, $8 }' /proc/self/mountinfo")).ShouldMatch(seen);
        });
    }

    [Fact]
    public async Task A_shared_bind_hands_mounts_on_to_the_host()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 hands nothing on here");
        await OnSharedMount(async () =>
        {
            _bundle.Linux["rootfsPropagation"] = "shared";
            _bundle.Mount("/mnt", "bind", _source, "bind", "rshared");
            foreach (var set in (string[])["bounding", "effective", "permitted"]) _bundle.Process["capabilities"]![set] = new JsonArray("CAP_SYS_ADMIN");
            await _bundle.StartAsync("mount -t tmpfs from-inside /mnt/below; sleep 1000");
            for (int attempt = 0; !File.ReadLines("/proc/self/mountinfo").Any(line => line.Contains($"{_source}/below", StringComparison.Ordinal)); attempt++)
            {
                attempt.ShouldBeLessThan(100);
                await Task.Delay(50);
            }
            (await CommandResult.RunAsync("umount", [Path.Combine(_source, "below")])).ShouldExit(0);
        });
    }

    private async Task OnSharedMount(Func<Task> body)
    {
        (await CommandResult.RunAsync("mount", ["--bind", _bundle.Root, _bundle.Root])).ShouldExit(0);
        try
        {
            (await CommandResult.RunAsync("mount", ["--make-shared", _bundle.Root])).ShouldExit(0);
            await body();
        }
        finally { (await CommandResult.RunAsync("umount", ["-l", _bundle.Root])).ShouldExit(0); }
    }

    [Theory]
    [InlineData("/x", "foofs", "x", "no such device")]
    [InlineData("/x", "bind", "/not/there", "no such file")]
    [InlineData("/proc/sys", "bind", "/tmp", "inside /proc")]
    [InlineData("/proc/sys", "tmpfs", "x", "/proc")]
    [InlineData("/proc", "tmpfs", "x", "/proc")]
    [InlineData("/proc", "bind", "/tmp", "not of type proc")]
    [InlineData("/", "tmpfs", "x", "root")]
    public async Task What_cannot_be_mounted_is_refused_by_name(string destination, string type, string source, string words)
    {
        Assert.SkipWhen(Bundle.IsRunc && type == "tmpfs" && destination == "/proc/sys", "runc 1.1 looks at binds alone");
        var result = await _bundle.Mount(destination, type, source, type == "bind" ? ["bind"] : []).RunAsync();
        result.ShouldExit(1).Error.ShouldContain(Bundle.IsRunc && destination == "/" ? "/" : words, Case.Insensitive);
        result.Error.ShouldContain(destination);
    }

    [Fact]
    public async Task The_hosts_procfs_is_bound_with_what_is_masked_in_it()
    {
        _bundle.Mounts.Clear();
        _bundle.Mount("/proc", "bind", "/proc", "rbind");
        _bundle.Linux["namespaces"] = new System.Text.Json.Nodes.JsonArray(_bundle.Linux["namespaces"]!.AsArray().Where(ns => (string?)ns!["type"] != "pid").Select(ns => ns!.DeepClone()).ToArray());
        _bundle.Linux["maskedPaths"] = new System.Text.Json.Nodes.JsonArray("/proc/timer_list");
        _bundle.Linux["readonlyPaths"] = new System.Text.Json.Nodes.JsonArray("/proc/sys");
        var told = await _bundle.InsideAsync($"cat /proc/timer_list | wc -c; echo 1 > /proc/sys/vm/drop_caches 2>&1 || echo kept; cat /proc/{Environment.ProcessId}/stat | cut -d' ' -f1");
        told.ShouldContain("kept\n");
        told.Split('\n')[0].ShouldBe("0");
        told.Split('\n')[^1].ShouldBe(Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }
}
