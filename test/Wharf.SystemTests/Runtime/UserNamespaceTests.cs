using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>User namespaces and mounts with mapped owners.</summary>
public sealed class UserNamespaceTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [Fact]
    public async Task Root_inside_is_a_user_without_rights_outside()
    {
        var id = await _bundle.UserNamespace().StartAsync("id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/mine /dev/shm/mine; stat -c %u:%g /tmp/mine /dev/shm/mine /dev /dev/null; sleep 1000");
        int pid = (int)(await _bundle.StateAsync(id))["pid"]!;
        File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1].ShouldBe("200000");
        await Eventually(() => File.ReadAllText(_bundle.Output).Split('\n').Length >= 8);
        var lines = File.ReadAllText(_bundle.Output).Trim().Split('\n');
        lines[0].ShouldBe("0");
        lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["0", "200000", "65536"]);
        lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["0", "200000", "65536"]);
        // A device node may be the host's own, bound.
        lines[3..6].ShouldAllBe(line => line == "0:0");
        (await CommandResult.RunAsync("stat", ["-c", "%u", Path.Combine(_bundle.Rootfs, "tmp", "mine")])).Text.ShouldBe("200000");
        (await _bundle.RuntimeAsync("exec", id, "sh", "-c", "id -u; readlink /proc/self/ns/user")).ShouldExit(0).Text.ShouldBe($"0\n{File.ResolveLinkTarget($"/proc/{pid}/ns/user", false)!.Name}");
    }

    private static async Task Eventually(Func<bool> condition)
    {
        for (int attempt = 0; !condition(); attempt++)
        {
            attempt.ShouldBeLessThan(100);
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task The_namespaces_belong_to_the_user_namespace()
    {
        Grant("CAP_SYS_ADMIN", "CAP_NET_ADMIN");
        // What only the owner of the network, mount and UTS namespaces may do.
        (await _bundle.UserNamespace().InsideAsync("ip link set lo down && mount -t tmpfs none /tmp && hostname other && hostname")).ShouldBe("other");
    }

    private void Grant(params string[] names)
    {
        foreach (var set in (string[])["bounding", "effective", "permitted"]) _bundle.Process["capabilities"]![set] = new JsonArray([.. names.Select(name => (JsonNode)name)]);
    }

    [Fact]
    public async Task Devices_work_and_none_can_be_made()
    {
        Grant("CAP_MKNOD");
        (await _bundle.UserNamespace().InsideAsync("echo gone > /dev/null; head -c 3 /dev/zero | wc -c; mknod /tmp/disk b 8 0 2> /dev/null || echo refused")).ShouldBe("3\nrefused");
    }

    [Fact]
    public async Task Limits_can_be_raised_as_far_as_the_host_allows()
    {
        _bundle.Process["rlimits"] = new JsonArray(new JsonObject { ["type"] = "RLIMIT_NOFILE", ["hard"] = 512, ["soft"] = 256 });
        (await _bundle.UserNamespace().InsideAsync("ulimit -Sn; ulimit -Hn")).ShouldBe("256\n512");
    }

    [Theory]
    [InlineData("uidMappings", "no uid mappings")]
    [InlineData("gidMappings", "no gid mappings")]
    public async Task Without_maps_it_is_refused(string missing, string words)
    {
        _bundle.UserNamespace().Linux.Remove(missing);
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(words);
    }

    [Fact]
    public async Task A_mount_with_maps_shows_its_files_with_other_owners()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has no mappings of mounts");
        var source = Path.Combine(_bundle.Root, "source");
        Directory.CreateDirectory(source);
        File.WriteAllText(Path.Combine(source, "file"), "");
        Bundle.Chown(Path.Combine(source, "file"), 1000);
        _bundle.Mount("/mnt", "bind", source, "bind");
        var mount = _bundle.Mounts[^1]!;
        mount["uidMappings"] = Bundle.Map(1000, 2000, 1);
        mount["gidMappings"] = Bundle.Map(1000, 3000, 1);
        (await _bundle.InsideAsync("stat -c %u:%g /mnt/file")).ShouldBe("2000:3000");
    }

    [Fact]
    public async Task The_option_idmap_maps_by_the_containers_own_numbers()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has no mappings of mounts");
        var source = Path.Combine(_bundle.Root, "source");
        Directory.CreateDirectory(source);
        File.WriteAllText(Path.Combine(source, "file"), "");
        _bundle.UserNamespace().Mount("/mnt", "bind", source, "bind", "idmap").Mount("/plain", "bind", source, "bind");
        (await _bundle.InsideAsync("stat -c %u /mnt/file /plain/file")).ShouldBe("0\n65534");
    }
}
