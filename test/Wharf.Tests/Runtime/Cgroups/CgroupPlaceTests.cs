using Shouldly;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Runtime.Cgroups;

/// <summary>Where <c>linux.cgroupsPath</c> puts a container, and how the machine's hierarchies are recognised.</summary>
public sealed class CgroupPlaceTests
{
    private static readonly CgroupLayout V2 = new(true, "/sys/fs/cgroup", []);

    [Theory]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/a//b/./c/", "/a/b/c")]
    public void An_absolute_path_counts_from_the_root(string given, string path) => CgroupPlace.Resolve(V2, given, "id").ShouldBe(new CgroupPlace(path));

    [Theory]
    [InlineData("/")]
    [InlineData("/../x")]
    [InlineData("a/../../b")]
    public void A_path_that_leads_out_is_refused(string given) => Should.Throw<WharfException>(() => CgroupPlace.Resolve(V2, given, "id")).Message.ShouldContain("linux.cgroupsPath");

    [Fact]
    public void A_name_too_long_for_a_directory_is_refused() => Should.Throw<WharfException>(() => CgroupPlace.Resolve(V2, "/" + new string('x', 300), "id")).Message.ShouldContain("file name too long");

    [Theory]
    [InlineData("", "/system.slice/runc-id.scope", "runc-id.scope", "system.slice")]
    [InlineData("my-own.slice:wharf:c1", "/my.slice/my-own.slice/wharf-c1.scope", "wharf-c1.scope", "my-own.slice")]
    [InlineData(":p:c1", "/system.slice/p-c1.scope", "p-c1.scope", "system.slice")]
    [InlineData("-.slice:p:c1", "/p-c1.scope", "p-c1.scope", "-.slice")]
    public void A_scope_lies_in_its_slices(string given, string path, string unit, string slice) =>
        CgroupPlace.Resolve(V2 with { UseSystemd = true }, given, "id").ShouldBe(new CgroupPlace(path, unit, slice));

    [Theory]
    [InlineData("/a/b", "expected cgroupsPath to be of format \"slice:prefix:name\"")]
    [InlineData("a--b.slice:p:n", "invalid slice name")]
    [InlineData("a:p:n", "invalid slice name")]
    public void What_is_no_scope_is_refused(string given, string message) => Should.Throw<WharfException>(() => CgroupPlace.Resolve(V2 with { UseSystemd = true }, given, "id")).Message.ShouldContain(message);

    [Fact]
    public void Layouts_are_told_apart()
    {
        CgroupLayout.Parse(["26 22 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"]).IsV2.ShouldBeTrue();
        var hybrid = CgroupLayout.Parse(
        [
            "31 22 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw", "32 22 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
            "33 22 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct", "34 22 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        ]);
        hybrid.IsV2.ShouldBeFalse();
        hybrid.MountOf("cpuacct").ShouldBe("/sys/fs/cgroup/cpu,cpuacct");
        hybrid.JoinsUnified.ShouldBeFalse();
        (hybrid with { SystemdRuns = true }).JoinsUnified.ShouldBeTrue();
        // A named hierarchy beside v2 has no controllers: it changes nothing.
        CgroupLayout.Parse(["26 22 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "32 22 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd"]).IsV2.ShouldBeTrue();
    }
}
