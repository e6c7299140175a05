using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Runtime;
using Xunit;

namespace Wharf.SystemTests.Security;

/// <summary>Class C: users, groups and capabilities that are not what was asked for.</summary>
public sealed class IdentityTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [Trait("Weakened", "open")]
    [Fact] // CVE-2022-24769, CVE-2022-29162
    public async Task Inheritable_and_ambient_sets_are_empty_unless_given()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", "--cap", "CAP_NET_RAW", id, "grep", "-E", "^Cap(Inh|Amb)", "/proc/self/status")).ShouldExit(0)
            .Text.ShouldBe("CapInh:\t0000000000000000\nCapAmb:\t0000000000000000");
    }

    [Trait("Weakened", "open")]
    [Theory] // CVE-2016-8867, CVE-2018-10856
    [InlineData(1000)]
    [InlineData(2147483647)]
    public async Task A_user_who_is_not_root_holds_no_capability(int uid)
    {
        _bundle.Process["user"]!["uid"] = uid;
        (await _bundle.InsideAsync("grep -E '^Cap(Prm|Eff)' /proc/self/status")).ShouldBe("CapPrm:\t0000000000000000\nCapEff:\t0000000000000000");
    }

    [Trait("Weakened", "open")]
    [Fact] // CVE-2022-36109, CVE-2023-25173, CVE-2022-2990, CVE-2022-2995
    public async Task The_callers_groups_are_not_the_programs()
    {
        _bundle.Process["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000 };
        _bundle.Script("grep ^Groups /proc/self/status | tr -d '\\t '").Write();
        (await CommandResult.RunAsync("setpriv", ["--groups", "4,5", Bundle.Runtime, "--root", _bundle.State, "run", "--bundle", _bundle.Location, _bundle.NewId()])).ShouldExit(0).Text.ShouldBe("Groups:");
    }

    [Theory] // CVE-2024-40635, CVE-2026-46680: numbers that wrap around to root, or mean "no change"
    [InlineData("4294967296")]
    [InlineData("4294967295")]
    [InlineData("-1")]
    [InlineData("18446744073709551616")]
    public async Task A_number_out_of_range_is_refused(string uid)
    {
        Assert.SkipWhen(Bundle.IsRunc && uid == "4294967295", "runc 1.1 fails later, in the kernel");
        _bundle.Process["user"] = JsonNode.Parse($$"""{ "uid": {{uid}}, "gid": 0 }""");
        var result = await _bundle.Script("id -u").RunAsync();
        result.ExitCode.ShouldNotBe(0);
        result.Out.ShouldBe("");
    }

    [Fact] // CVE-2026-30892: a number that was read as another
    public async Task User_one_is_user_one()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", "--user", "1", id, "id", "-u")).ShouldExit(0).Text.ShouldBe("1");
        (await _bundle.RuntimeAsync("exec", "--user", "01", id, "id", "-u")).Text.ShouldBeOneOf("1", "");
    }

    [Trait("Weakened", "open")]
    [Theory] // CVE-2024-40635 for execs
    [InlineData("4294967296")]
    [InlineData("8589934592:8589934592")]
    public async Task A_number_that_wraps_around_to_root_is_refused(string user)
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 cuts the number off");
        var id = await _bundle.StartAsync();
        var result = await _bundle.RuntimeAsync("exec", "--user", user, id, "id", "-u");
        result.ExitCode.ShouldNotBe(0);
        result.Out.ShouldBe("");
        result.Error.ShouldContain("must be in range");
    }

    [Fact] // CVE-2016-3697: a name of the image's passwd that looks like a number
    public async Task A_number_is_never_looked_up()
    {
        File.WriteAllText(Path.Combine(_bundle.Rootfs, "etc", "passwd"), "1000:x:0:0::/root:/bin/sh\n");
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", "--user", "1000", id, "id", "-u")).ShouldExit(0).Text.ShouldBe("1000");
    }

    [Fact] // CVE-2025-27612's kind: an exec never gets more than the container
    public async Task An_exec_has_no_more_than_the_container()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", id, "grep", "-E", "^(CapBnd|NoNewPrivs|Seccomp):", "/proc/self/status")).ShouldExit(0).Text.ShouldStartWith("CapBnd:\t0000000000000020\nNoNewPrivs:\t1");
    }
}
