using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Runtime;
using Xunit;

namespace Wharf.SystemTests.Security;

/// <summary>Class B: descriptors, working directories, and the runtime's own binary as ways out.</summary>
public sealed class EscapeTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [Trait("Weakened", "open")]
    [Fact] // CVE-2024-21626
    public async Task No_descriptor_of_the_runtime_is_a_working_directory()
    {
        for (int fd = 3; fd < 24; fd++)
        {
            _bundle.Process["cwd"] = $"/proc/self/fd/{fd}";
            var result = await _bundle.Script("ls; ls ..; ls ../..").RunAsync();
            result.ExitCode.ShouldNotBe(0, $"/proc/self/fd/{fd} was a directory:\n{result.Out}");
            result.Out.ShouldBe("");
        }
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2024-21626, by exec
    public async Task No_descriptor_is_a_working_directory_of_an_exec()
    {
        var id = await _bundle.StartAsync();
        for (int fd = 3; fd < 24; fd++)
            (await _bundle.RuntimeAsync("exec", "--cwd", $"/proc/self/fd/{fd}", id, "ls", "..")).ExitCode.ShouldNotBe(0, $"/proc/self/fd/{fd}");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2024-21626: descriptors inherited by accident
    public async Task Descriptors_that_the_caller_left_open_do_not_reach_the_program()
    {
        _bundle.Script("ls -l /proc/self/fd").Write();
        var result = await CommandResult.RunAsync("/bin/sh", ["-c", "exec 7< /etc 9< /etc/passwd; exec \"$@\"", "sh", Bundle.Runtime, "--root", _bundle.State, "run", "--bundle", _bundle.Location, _bundle.NewId()]);
        result.ShouldExit(0).Out.ShouldNotContain("/etc");
        result.Out.Trim().Split('\n').Length.ShouldBeLessThanOrEqualTo(5);
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2016-9962, CVE-2020-14300
    public async Task A_process_of_the_container_cannot_look_into_one_that_joins_it()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 lets a process of the container read the links of its first one before the start");
        // The first process still is the runtime's own until the start: a process of the container tries to open what it holds.
        foreach (var set in (string[])["bounding", "effective", "permitted"]) _bundle.Process["capabilities"]![set] = new JsonArray("CAP_KILL", "CAP_DAC_OVERRIDE");
        var id = await _bundle.CreateAsync();
        var result = await _bundle.RuntimeAsync("exec", id, "sh", "-c", "id -u; ls -l /proc/1/fd /proc/1/cwd /proc/1/exe /proc/1/root 2>&1; cat /proc/1/mem /proc/1/environ /proc/1/maps 2>&1 | head -c 400");
        result.Out.ShouldStartWith("0\n");
        result.Out.ShouldContain("ermission denied");
        result.Out.ShouldNotContain(" -> ");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2019-5736, CVE-2020-14298
    public async Task The_runtimes_binary_cannot_be_overwritten_from_inside()
    {
        Assert.SkipWhen(Bundle.IsRunc, "a copy of runc alone is not what its package protects");
        var copy = Path.Combine(_bundle.Root, "copy-of-runtime");
        File.Copy(Bundle.Runtime, copy);
        var before = Hash(copy);
        // The container holds all that root without a user namespace can be given. It takes a descriptor of what its first process is
        // executing while that still is the runtime, waits until it has executed the program, and opens the file anew for writing.
        foreach (var set in (string[])["bounding", "effective", "permitted"]) _bundle.Process["capabilities"]![set] = new JsonArray("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SYS_ADMIN");
        _bundle.Script("sleep 1000").Write();
        var id = _bundle.NewId();
        (await CommandResult.RunAsync("/bin/sh", ["-c", "\"$@\" < /dev/null > /dev/null 2>&1", "sh", copy, "--root", _bundle.State, "create", "--bundle", _bundle.Location, id])).ShouldExit(0);
        // Detached: while the runtime itself waits for the exec the kernel would refuse with "text file busy", which proves nothing.
        var seen = Path.Combine(_bundle.Rootfs, "tmp", "seen");
        (await CommandResult.RunAsync("/bin/sh", ["-c", "\"$@\" < /dev/null > /dev/null 2>&1", "sh", copy, "--root", _bundle.State, "exec", "--detach", id, "sh", "-c",
            "(exec 5< /proc/1/exe || exit 3; echo holding; while [ $(tr '\\0' ' ' < /proc/1/cmdline | cut -d' ' -f1) != sleep ]; do sleep 0.05; done; sleep 0.3; echo overwritten >> /proc/self/fd/5) > /tmp/seen 2>&1; echo ended >> /tmp/seen"])).ShouldExit(0);
        (await SeenAsync(seen, "holding")).ShouldContain("holding", customMessage: "the attack did not get as far as it should");
        (await CommandResult.RunAsync(copy, ["--root", _bundle.State, "start", id])).ShouldExit(0);
        (await SeenAsync(seen, "ended")).ShouldContain("Read-only file system");
        Hash(copy).ShouldBe(before);
    }

    private static async Task<string> SeenAsync(string file, string word)
    {
        string text = "";
        for (int attempt = 0; attempt < 600 && !(text.Contains(word, StringComparison.Ordinal) || text.Contains("ended", StringComparison.Ordinal)); attempt++)
        {
            if (File.Exists(file)) text = await File.ReadAllTextAsync(file);
            await Task.Delay(50);
        }
        return text;
    }

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    [Theory] // CVE-2022-0811, CVE-2024-3154: more than one setting in a value or name
    [InlineData("kernel.shm_rmid_forced+kernel.core_pattern", "1")]
    [InlineData("net.ipv4.ip_forward=1+kernel.core_pattern", "x")]
    [InlineData("net/../kernel/core_pattern", "x")]
    public async Task A_sysctl_that_means_another_is_refused(string name, string value)
    {
        var before = File.ReadAllText("/proc/sys/kernel/core_pattern");
        _bundle.Linux["sysctl"] = new JsonObject { [name] = value };
        (await _bundle.RunAsync()).ExitCode.ShouldNotBe(0);
        File.ReadAllText("/proc/sys/kernel/core_pattern").ShouldBe(before);
    }

    [Fact] // CVE-2020-15257
    public async Task Nothing_listens_on_an_abstract_socket()
    {
        _bundle.WithoutNamespace("network");
        // A container in the host's network namespace sees all of its abstract sockets.
        (await _bundle.InsideAsync("grep -E '@.*(wharf|shim|runc)' /proc/net/unix | grep -v containerd || echo none")).ShouldBe("none");
    }

    [Fact] // CVE-2023-25809, CVE-2023-6476
    public async Task The_own_cgroup_cannot_be_changed_from_inside()
    {
        _bundle.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro");
        _bundle.Linux["resources"] = new JsonObject { ["pids"] = new JsonObject { ["limit"] = 50 } };
        (await _bundle.InsideAsync($"cd {Cgroups.CgroupFiles.Inside("pids")}; echo 1000 2> /dev/null > pids.max || echo refused; cat pids.max")).ShouldBe("refused\n50");
    }
}
