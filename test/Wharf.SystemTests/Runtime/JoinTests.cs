using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>Containers in user and mount namespaces that are there already.</summary>
public sealed class JoinTests : IDisposable
{
    private readonly Bundle _bundle = new(), _second = new();

    public void Dispose()
    {
        _second.Dispose();
        _bundle.Dispose();
    }

    private static string Link(int pid, string name) => File.ResolveLinkTarget($"/proc/{pid}/ns/{name}", false)!.Name;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_user_namespace_with_a_path_is_joined_and_owns_the_new_ones(bool joinsPid)
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 asks for mappings with a user namespace that it joins");
        int pid = await _bundle.PidOfAsync(await _bundle.UserNamespace().StartAsync());
        _second.Namespace("user", $"/proc/{pid}/ns/user");
        if (joinsPid) _second.WithoutNamespace("pid").Namespace("pid", $"/proc/{pid}/ns/pid");
        foreach (var path in Directory.GetFileSystemEntries(_second.Rootfs).Append(_second.Rootfs)) Bundle.Chown(path, 200000);
        foreach (var set in (string[])["bounding", "effective", "permitted"]) _second.Process["capabilities"]![set] = new JsonArray("CAP_SYS_ADMIN", "CAP_NET_ADMIN");
        var lines = (await _second.InsideAsync("readlink /proc/self/ns/user; id -u; ip link set lo down && mount -t tmpfs none /tmp && hostname other && hostname; touch /dev/shm/mine && stat -c %u /dev/shm/mine; echo $$")).Split('\n');
        lines[0].ShouldBe(Link(pid, "user"));
        lines[1..4].ShouldBe(["0", "other", "0"]);
        if (!joinsPid) lines[4].ShouldBe("1");
    }

    [Fact]
    public async Task An_exec_joins_the_user_namespace_that_its_container_joined()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 asks for mappings with a user namespace that it joins");
        int pid = await _bundle.PidOfAsync(await _bundle.UserNamespace().StartAsync());
        foreach (var path in Directory.GetFileSystemEntries(_second.Rootfs).Append(_second.Rootfs)) Bundle.Chown(path, 200000);
        var id = await _second.Namespace("user", $"/proc/{pid}/ns/user").StartAsync();
        (await _second.RuntimeAsync("exec", id, "sh", "-c", "readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map | tr -s ' '")).ShouldExit(0).Text.ShouldBe($"{Link(pid, "user")}\n0\n 0 200000 65536");
    }

    [Fact]
    public async Task A_mount_namespace_with_a_path_is_joined()
    {
        // A namespace of nobody's but a sleeping process's: what is mounted in it goes with it.
        var sleeper = await CommandResult.RunAsync("sh", ["-c", "unshare --mount --propagation private sleep 1000 > /dev/null 2>&1 & echo $!"]);
        int pid = int.Parse(sleeper.Text, System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            for (int attempt = 0; Link(pid, "mnt") == File.ResolveLinkTarget("/proc/self/ns/mnt", false)!.Name; attempt++)
            {
                attempt.ShouldBeLessThan(100);
                await Task.Delay(50);
            }
            var id = await _bundle.WithoutNamespace("mount").Namespace("mount", $"/proc/{pid}/ns/mnt").StartAsync();
            Link(await _bundle.PidOfAsync(id), "mnt").ShouldBe(Link(pid, "mnt"));
            (await _bundle.RuntimeAsync("exec", id, "sh", "-c", "ls -d /bin /proc/self /dev/null; ls / | wc -l; pwd")).ShouldExit(0).Text.ShouldBe("/bin\n/dev/null\n/proc/self\n7\n/");
            (await _bundle.RuntimeAsync("kill", id, "KILL")).ShouldExit(0);
        }
        finally { (await CommandResult.RunAsync("kill", ["-9", sleeper.Text])).ShouldExit(0); }
    }
}
