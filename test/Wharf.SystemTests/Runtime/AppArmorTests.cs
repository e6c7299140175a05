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
    public async Task A_profile_that_is_not_loaded_is_an_error()
    {
        await NeedAppArmorAsync();
        var result = await engine.DockerAsync("run", "--rm", "--security-opt", "apparmor=wharf-nonexistent", "busybox", "true");
        result.ExitCode.ShouldNotBe(0);
        result.Error.ShouldContain("apparmor");
    }
}
