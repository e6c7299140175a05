using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Runtime;
using Xunit;

namespace Wharf.SystemTests.Cgroups;

/// <summary>
/// The runtime where there is nothing but the tree of version 2, as on most machines: in a mount namespace that hides the others of this one. From Linux 6.4
/// on a process is born in its group there (clone3), before it is moved.
/// </summary>
public sealed class UnifiedAloneTests : IDisposable
{
    private const string Tree = "/sys/fs/cgroup/unified";
    private const string Hide = $"mount --bind {Tree} /mnt && umount -R /sys/fs/cgroup && mount --move /mnt /sys/fs/cgroup && exec \"$@\"";

    private readonly Bundle _bundle = new() { Within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", Hide, "sh"] };

    public void Dispose() => _bundle.Dispose();

    private string Group => "0::" + (string?)_bundle.Linux["cgroupsPath"];

    private static void NeedTree() => Assert.SkipUnless(File.Exists(Tree + "/cgroup.procs"), "this machine has no tree of version 2 beside those of version 1");

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // launched by stages
    public async Task A_container_and_its_execs_are_in_their_group(bool userNamespace)
    {
        NeedTree();
        if (userNamespace) _bundle.UserNamespace();
        var id = await _bundle.StartAsync("cat /proc/self/cgroup; sleep 1000");
        (await _bundle.RuntimeAsync("exec", id, "cat", "/proc/1/cgroup", "/proc/self/cgroup")).ShouldExit(0).Out.Split('\n').Count(line => line == Group).ShouldBe(2);
        (await File.ReadAllTextAsync(_bundle.Output)).Split('\n').ShouldContain(Group);
        (await File.ReadAllLinesAsync($"{Tree}{Group[3..]}/cgroup.procs")).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_container_is_paused_and_resumed()
    {
        NeedTree();
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("pause", id)).ShouldExit(0);
        (await _bundle.StatusAsync(id)).ShouldBe("paused");
        (await _bundle.RuntimeAsync("resume", id)).ShouldExit(0);
        (await _bundle.RuntimeAsync("exec", id, "true")).ShouldExit(0);
    }
}
