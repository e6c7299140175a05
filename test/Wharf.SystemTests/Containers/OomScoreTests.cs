using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>A service manager protects the daemon from the kernel's OOM killer; what runs in a container is not protected with it.</summary>
public sealed class OomScoreTests
{
    [Fact]
    public async Task A_container_and_its_execs_do_not_inherit_the_engines_score()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "changes the scores of the daemon");
        await using var engine = new EngineFixture();
        await engine.InitializeAsync();
        int changed = 0;
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => path[6..].All(char.IsDigit)))
        {
            try
            {
                if (!Encoding.UTF8.GetString(await File.ReadAllBytesAsync(process + "/cmdline")).Contains(engine.Root, StringComparison.Ordinal)) continue;
            }
            catch (IOException) { continue; } // gone
            await File.WriteAllTextAsync(process + "/oom_score_adj", "300");
            changed++;
        }
        changed.ShouldBeGreaterThan(0);
        (await engine.DockerAsync("run", "-d", "--name", "plain", "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("exec", "plain", "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj")).Out.ShouldBe("0\n0\n");
        (await engine.DockerAsync("run", "--rm", "--oom-score-adj", "400", "busybox", "cat", "/proc/self/oom_score_adj")).Out.ShouldBe("400\n");
    }
}
