using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>AppArmor profiles of containers. Needs a kernel with AppArmor: <c>./dev vm</c>.</summary>
public sealed class AppArmorTests(EngineFixture engine)
{
    private const string Profile = "profile wharf-test flags=(attach_disconnected,mediate_deleted) { file, capability, network, mount, signal, ptrace, unix, deny /secret w, }\n";

    private static async Task NeedAppArmorAsync()
    {
        const string Enabled = "/sys/module/apparmor/parameters/enabled", Parser = "/sbin/apparmor_parser";
        Assert.SkipUnless(File.Exists(Enabled) && File.ReadAllText(Enabled).StartsWith('Y'), "this kernel has no AppArmor; ./dev vm has one");
        Assert.SkipUnless(File.Exists(Parser), "apparmor_parser is not installed");
        (await CommandResult.RunAsync(Parser, ["--replace", "--skip-cache"], Encoding.ASCII.GetBytes(Profile))).ShouldExit(0);
    }

    [Fact]
    public async Task A_container_and_its_execs_are_confined_by_the_profile_asked_for()
    {
        await NeedAppArmorAsync();
        (await engine.DockerAsync("run", "-d", "--name", "confined", "--security-opt", "apparmor=wharf-test", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            (await engine.DockerAsync("exec", "confined", "cat", "/proc/1/attr/current", "/proc/self/attr/current")).ShouldExit(0).Out.ShouldBe("wharf-test (enforce)\nwharf-test (enforce)\n");
            (await engine.DockerAsync("exec", "confined", "sh", "-c", "echo > /allowed && echo > /secret")).ShouldExit(1).Error.ShouldContain("Permission denied");
            (await engine.DockerAsync("info", "-f", "{{.SecurityOptions}}")).ShouldExit(0).Out.ShouldContain("name=apparmor");
            (await engine.DockerAsync("inspect", "-f", "{{.AppArmorProfile}}", "confined")).ShouldExit(0).Text.ShouldBe("wharf-test");
        }
        finally { (await engine.DockerAsync("rm", "-f", "confined")).ShouldExit(0); }
    }

    [Fact]
    public async Task A_container_that_asks_for_no_profile_has_docker_default()
    {
        await NeedAppArmorAsync();
        (await engine.DockerAsync("run", "-d", "--name", "by-default", "--cap-add", "SYS_ADMIN", "--security-opt", "systempaths=unconfined", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            (await engine.DockerAsync("exec", "by-default", "cat", "/proc/1/attr/current", "/proc/self/attr/current")).ShouldExit(0).Out.ShouldBe("docker-default (enforce)\ndocker-default (enforce)\n");
            (await engine.DockerAsync("inspect", "-f", "{{.AppArmorProfile}}", "by-default")).ShouldExit(0).Text.ShouldBe("docker-default");
            // Each of these its capabilities and mounts would allow.
            foreach (var forbidden in (string[])["mount -t tmpfs none /proc", "echo 1 > /proc/sys/vm/drop_caches", "cat /proc/kcore"])
                (await engine.DockerAsync("exec", "by-default", "sh", "-c", forbidden)).Error.ShouldContain("denied", customMessage: forbidden);
            (await engine.DockerAsync("exec", "by-default", "sh", "-c", "echo 1 > /proc/self/oom_score_adj && echo 4096 > /proc/sys/kernel/shmmni && kill -0 1")).ShouldExit(0);
            (await engine.DockerAsync("stop", "-t", "0", "by-default")).ShouldExit(0);
        }
        finally { (await engine.DockerAsync("rm", "-f", "by-default")).ShouldExit(0); }
    }

    [Theory]
    [InlineData("--privileged", "unconfined")]
    [InlineData("--security-opt=apparmor=unconfined", "unconfined")]
    public async Task A_privileged_container_and_one_that_asks_for_it_is_unconfined(string flag, string shown)
    {
        await NeedAppArmorAsync();
        try
        {
            (await engine.DockerAsync("run", "--name", "free", flag, "--cap-add", "SYS_ADMIN", "busybox", "sh", "-c", "cat /proc/self/attr/current; mount -t tmpfs none /proc")).ShouldExit(0).Text.ShouldBe("unconfined");
            (await engine.DockerAsync("inspect", "-f", "{{.AppArmorProfile}}", "free")).ShouldExit(0).Text.ShouldBe(shown);
        }
        finally { (await engine.DockerAsync("rm", "-f", "free")).ShouldExit(0); }
    }

    [Fact]
    public async Task The_default_profile_comes_back_when_another_tool_removed_it()
    {
        await NeedAppArmorAsync();
        (await engine.DockerAsync("run", "-d", "--name", "outlives", "busybox", "sleep", "1000")).ShouldExit(0); // the profile is loaded
        try
        {
            (await CommandResult.RunAsync("/sbin/apparmor_parser", ["--remove"], "profile docker-default {}"u8.ToArray())).ShouldExit(0);
            (await engine.DockerAsync("run", "--rm", "busybox", "cat", "/proc/self/attr/current")).ShouldExit(0).Text.ShouldBe("docker-default (enforce)");
        }
        finally { (await engine.DockerAsync("rm", "-f", "outlives")).ShouldExit(0); }
    }

    [Fact]
    public async Task A_profile_that_is_not_loaded_is_an_error()
    {
        await NeedAppArmorAsync();
        var result = await engine.DockerAsync("run", "--rm", "--security-opt", "apparmor=wharf-nonexistent", "busybox", "true");
        result.ExitCode.ShouldNotBe(0);
        result.Error.ShouldContain("apparmor");
    }
}
