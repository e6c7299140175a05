using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>Namespaces, seen from inside.</summary>
public sealed class NamespaceTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    private static string Own(string name) => File.ResolveLinkTarget($"/proc/self/ns/{name}", false)!.Name;

    [Theory]
    [InlineData("pid", "pid")]
    [InlineData("network", "net")]
    [InlineData("ipc", "ipc")]
    [InlineData("uts", "uts")]
    [InlineData("mount", "mnt")]
    public async Task A_namespace_in_the_list_is_new_and_one_that_is_not_is_the_callers(string type, string file)
    {
        (await _bundle.InsideAsync($"readlink /proc/self/ns/{file}")).ShouldNotBe(Own(file));
        if (type is "mount" or "network") return; // no root without the one; and no sysfs of its own without the other
        if (type == "uts") _bundle.Config.Remove("hostname");
        (await _bundle.WithoutNamespace(type).InsideAsync($"readlink /proc/self/ns/{file}")).ShouldBe(Own(file));
    }

    [Fact]
    public async Task A_cgroup_namespace_shows_the_own_group_as_the_root() =>
        (await _bundle.Namespace("cgroup").InsideAsync("cut -d: -f3 /proc/self/cgroup | grep -v '^/\\.\\.' | sort -u")).ShouldBe("/");

    [Fact]
    public async Task The_first_process_of_a_pid_namespace_is_number_one() => (await _bundle.InsideAsync("echo $$; ls /proc | grep -c '^[0-9]*$'")).ShouldStartWith("1\n");

    [Fact]
    public async Task Hostname_and_domainname_are_set()
    {
        if (!Bundle.IsRunc) _bundle.Config["domainname"] = "example";
        (await _bundle.InsideAsync("hostname; cat /proc/sys/kernel/domainname")).ShouldBe(Bundle.IsRunc ? $"inside\n{File.ReadAllText("/proc/sys/kernel/domainname").Trim()}" : "inside\nexample");
    }

    [Fact]
    public async Task The_loopback_interface_is_up_and_the_only_one() => (await _bundle.InsideAsync("ls /sys/class/net; ip addr show lo | grep -c 127.0.0.1")).ShouldBe("lo\n1");

    [Theory]
    [InlineData("network", "net")]
    [InlineData("ipc", "ipc")]
    [InlineData("uts", "uts")]
    [InlineData("pid", "pid")]
    public async Task A_namespace_with_a_path_is_joined(string type, string file)
    {
        var first = await _bundle.StartAsync();
        int pid = (int)(await _bundle.StateAsync(first))["pid"]!;
        using var second = new Bundle();
        second.Config.Remove("hostname");
        second.WithoutNamespace(type).Namespace(type, $"/proc/{pid}/ns/{file}");
        (await second.InsideAsync($"readlink /proc/self/ns/{file}")).ShouldBe(File.ResolveLinkTarget($"/proc/{pid}/ns/{file}", false)!.Name);
    }

    [Fact]
    public async Task A_time_namespace_moves_the_clocks()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has no time namespaces");
        _bundle.Namespace("time").Linux["timeOffsets"] = new System.Text.Json.Nodes.JsonObject { ["boottime"] = new System.Text.Json.Nodes.JsonObject { ["secs"] = 1_000_000, ["nanosecs"] = 0 } };
        double.Parse((await _bundle.InsideAsync("cut -d' ' -f1 /proc/uptime")), System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(1_000_000);
        var id = await _bundle.StartAsync();
        double.Parse((await _bundle.RuntimeAsync("exec", id, "cut", "-d", " ", "-f1", "/proc/uptime")).ShouldExit(0).Text, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(1_000_000);
    }

    [Theory]
    [InlineData("foo", "namespace")]
    [InlineData("pid", "duplicated ns")]
    public async Task A_wrong_list_is_refused(string type, string words)
    {
        var result = await _bundle.Namespace(type).RunAsync();
        result.ShouldExit(1).Error.ShouldContain(words);
        result.Error.ShouldContain(type);
    }
}
