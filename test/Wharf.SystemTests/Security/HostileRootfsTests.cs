using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Runtime;
using Xunit;

namespace Wharf.SystemTests.Security;

/// <summary>
/// Class A: images and volumes whose names lead elsewhere. Each test names what it stands for. The witness is a directory of the host
/// that must stay as it is; that the attack would reach it is shown by <see cref="The_witness_is_what_a_resolver_by_name_would_reach"/>.
/// </summary>
public sealed partial class HostileRootfsTests : IDisposable
{
    private readonly Bundle _bundle = new();
    private readonly string _witness;

    public HostileRootfsTests()
    {
        _witness = Path.Combine(_bundle.Root, "witness");
        Directory.CreateDirectory(_witness);
        File.WriteAllText(Path.Combine(_witness, "file"), "untouched");
    }

    public void Dispose()
    {
        try
        {
            Directory.GetFileSystemEntries(_witness).ShouldBe([Path.Combine(_witness, "file")], "something was made on the host");
            File.ReadAllText(Path.Combine(_witness, "file")).ShouldBe("untouched");
            File.ReadLines("/proc/self/mountinfo").ShouldNotContain(line => line.Contains(_witness, StringComparison.Ordinal));
        }
        finally { _bundle.Dispose(); }
    }

    private string In(string path) => Path.Combine(_bundle.Rootfs, path.TrimStart('/'));

    private void Replace(string path, string target)
    {
        if (Directory.Exists(In(path))) Directory.Delete(In(path), true);
        File.CreateSymbolicLink(In(path), target);
    }

    [Fact]
    public void The_witness_is_what_a_resolver_by_name_would_reach()
    {
        // The tests below would pass on anything if their links led nowhere: joined as strings, they lead here.
        Replace("/mnt", _witness);
        File.ReadAllText(In("/mnt/file")).ShouldBe("untouched");
    }

    [Trait("Weakened", "open")]
    [Theory] // CVE-2026-41579, CVE-2019-19921, CVE-2019-16884: the kernel's file systems somewhere else than the configuration says
    [InlineData("/dev", "tmpfs")]
    [InlineData("/proc", "proc")]
    [InlineData("/sys", "sysfs")]
    public async Task A_directory_of_the_kernel_that_is_a_link_is_refused(string path, string type)
    {
        Assert.SkipWhen(Bundle.IsRunc && path == "/dev", "runc 1.1 follows it inside the root");
        Replace(path, _witness);
        var result = await _bundle.RunAsync();
        result.ExitCode.ShouldNotBe(0);
        if (!Bundle.IsRunc) result.Error.ShouldContain($"{path} is a symbolic link");
        type.ShouldNotBeEmpty();
    }

    [Trait("Weakened", "open")]
    [Theory] // CVE-2014-9356, CVE-2015-3629, CVE-2021-30465 (without the race), CVE-2024-45310
    [InlineData("WITNESS")]
    [InlineData("../../../../../../../../WITNESS")]
    public async Task A_mount_over_a_link_stays_inside(string target)
    {
        var absolute = target.Replace("WITNESS", _witness[1..], StringComparison.Ordinal);
        Replace("/mnt", target.StartsWith('.') ? absolute : "/" + absolute);
        var source = Path.Combine(_bundle.Root, "source");
        Directory.CreateDirectory(source);
        File.WriteAllText(Path.Combine(source, "mine"), "");
        _bundle.Mount("/mnt", "bind", source, "bind").Mount("/mnt/deep", "tmpfs", "tmpfs");
        (await _bundle.InsideAsync($"ls {_witness}")).ShouldContain("mine");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2026-55686, CVE-2018-15664's like for working directories
    public Task A_working_directory_behind_a_link_is_made_inside() => IsInsideAsync("/link/new");

    [Fact]
    public Task A_working_directory_that_is_a_link_is_entered_inside() => IsInsideAsync("/link"); // nothing is made, and the process enters it from within: no hole to find

    private async Task IsInsideAsync(string cwd)
    {
        Replace("/link", _witness);
        Directory.CreateDirectory(In(_witness));
        _bundle.Process["cwd"] = cwd;
        (await _bundle.InsideAsync("/bin/touch here; /bin/pwd")).ShouldStartWith(_witness);
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2025-31133: what masks must be the null device, not what lies in its place
    public async Task A_null_device_that_is_another_file_masks_nothing()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has CVE-2025-31133");
        var dev = Path.Combine(_bundle.Root, "dev");
        Directory.CreateDirectory(dev);
        File.CreateSymbolicLink(Path.Combine(dev, "null"), "/proc/sys/kernel/core_pattern");
        _bundle.Mounts.Clear();
        _bundle.Mount("/proc", "proc", "proc").Mount("/dev", "bind", dev, "bind");
        _bundle.Linux["maskedPaths"] = new JsonArray("/proc/timer_list");
        _bundle.Linux.Remove("readonlyPaths");
        var result = await _bundle.Script("cat /proc/timer_list").RunAsync();
        result.Out.ShouldNotContain("core");
        result.ExitCode.ShouldBe(1);
    }

    [Trait("Weakened", "open")]
    [Fact]
    public async Task A_null_device_that_is_a_plain_file_masks_nothing()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has CVE-2025-31133");
        var dev = Path.Combine(_bundle.Root, "dev");
        Directory.CreateDirectory(dev);
        File.WriteAllText(Path.Combine(dev, "null"), "");
        _bundle.Mounts.Clear();
        _bundle.Mount("/proc", "proc", "proc").Mount("/dev", "bind", dev, "bind");
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain("not the null device");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2025-52565: the terminal bound over what /dev/console points to
    public async Task A_console_that_is_a_link_is_refused()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has CVE-2025-52565");
        var dev = Path.Combine(_bundle.Root, "dev");
        Directory.CreateDirectory(Path.Combine(dev, "pts"));
        File.CreateSymbolicLink(Path.Combine(dev, "console"), "/etc/target");
        File.WriteAllText(In("/etc/target"), "");
        (await CommandResult.RunAsync("mknod", [Path.Combine(dev, "null"), "c", "1", "3"])).ShouldExit(0);
        _bundle.Mounts.Clear();
        _bundle.Mount("/proc", "proc", "proc").Mount("/dev", "bind", dev, "bind").Mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666");
        _bundle.Process["terminal"] = true;
        _bundle.Script("true").Write();
        var result = await CommandResult.RunAsync("script", ["-qec", $"{Bundle.Runtime} --root {_bundle.State} run --bundle {_bundle.Location} {_bundle.NewId()}", "/dev/null"]);
        result.ExitCode.ShouldBe(1);
        result.Out.ShouldContain("/dev/console is a symbolic link");
    }

    [Fact] // CVE-2025-52881: writes to /proc that land elsewhere
    public async Task A_sysctl_is_written_to_a_procfs_of_the_runtimes_own()
    {
        // /proc/sys/net/ipv4 of the image is a link to the witness, and a directory lies ready where the value would go.
        Directory.CreateDirectory(In("/proc/sys/net"));
        File.CreateSymbolicLink(In("/proc/sys/net/ipv4"), _witness);
        _bundle.Linux["sysctl"] = new JsonObject { ["net.ipv4.ip_forward"] = "1" };
        (await _bundle.InsideAsync("cat /proc/sys/net/ipv4/ip_forward")).ShouldBe("1");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2021-30465, CVE-2024-45310, CVE-2019-19921: the destination is exchanged with a link while it is mounted
    public async Task A_destination_that_is_exchanged_all_the_time_never_leads_outside()
    {
        var volume = Path.Combine(_bundle.Root, "volume");
        Directory.CreateDirectory(Path.Combine(volume, "a", "b"));
        File.CreateSymbolicLink(Path.Combine(volume, "link"), _witness);
        _bundle.Mount("/volume", "bind", volume, "bind").Mount("/volume/a/b/c", "tmpfs", "tmpfs").Mount("/volume/a/new/file", "bind", "/etc/hostname", "bind");
        _bundle.Script("true").Write();
        using var stop = new CancellationTokenSource();
        var exchanger = Task.Run(() => Exchange(Path.Combine(volume, "a"), Path.Combine(volume, "link"), stop.Token));
        for (int i = 0; i < 15; i++) await _bundle.RuntimeAsync("run", "--bundle", _bundle.Location, _bundle.NewId()); // it may well fail
        await stop.CancelAsync();
        (await exchanger).ShouldBeGreaterThan(100);
    }

    [System.Runtime.InteropServices.LibraryImport("libc", SetLastError = true, StringMarshalling = System.Runtime.InteropServices.StringMarshalling.Utf8)]
    private static partial int renameat2(int oldDirectory, string oldName, int newDirectory, string newName, uint flags);

    private static int Exchange(string one, string other, CancellationToken stop)
    {
        const int AT_FDCWD = -100;
        const uint RENAME_EXCHANGE = 2;
        int count = 0;
        while (!stop.IsCancellationRequested)
            if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0) count++;
        return count;
    }
}
