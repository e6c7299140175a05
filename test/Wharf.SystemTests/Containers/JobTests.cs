using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Containers run to their end by a schedule or by hand, over the daemon's death.</summary>
public sealed class JobTests(EngineFixture engine)
{
    private async Task<string[]> RunsAsync(string job, string format = "{{.Number}} {{.Trigger}} {{.ExitCode}}") =>
        (await engine.WharfAsync("job", "history", "--format", format, job)).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private async Task<string[]> UntilAsync(string job, Func<string[], bool> condition, string format = "{{.Number}} {{.Trigger}} {{.ExitCode}}")
    {
        string[] last = [];
        for (int i = 0; i < 300; i++)
        {
            last = await RunsAsync(job, format);
            if (condition(last)) return last;
            await Task.Delay(100);
        }
        throw new TimeoutException($"the runs never came to be as expected: {string.Join(", ", last)}");
    }

    private async Task ShouldHaveNoContainersAsync(string job)
    {
        for (int i = 0; i < 100 && (await engine.DockerAsync("ps", "-aq", "--filter", "label=wharf.job=" + job)).Out != ""; i++) await Task.Delay(100);
        (await engine.DockerAsync("ps", "-aq", "--filter", "label=wharf.job=" + job)).Out.ShouldBe("");
    }

    [Fact]
    public async Task A_job_is_run_by_hand_and_remembered()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no jobs");
        try
        {
            (await engine.WharfAsync("job", "create", "--name", "by-hand", "-e", "A=b", "--tmpfs", "/t", "busybox", "sh", "-c", "echo said $A; echo more >&2; exit 3")).ShouldExit(0).Out.ShouldBe("by-hand\n");
            var run = (await engine.WharfAsync("job", "run", "by-hand")).ShouldExit(3);
            run.Out.Split('\n').Order().ShouldBe(["", "more", "said b"]);
            (await engine.WharfAsync("job", "run", "by-hand")).ShouldExit(3);
            (await RunsAsync("by-hand")).ShouldBe(["2 manual 3", "1 manual 3"]);
            (await engine.WharfAsync("job", "history", "--logs", "1", "by-hand")).Out.ShouldContain("said b\n");
            (await engine.WharfAsync("job", "ls", "--format", "{{.Name}} {{.Image}} {{.LastResult}}")).Out.ShouldBe("by-hand busybox exit code 3\n");
            var job = JsonNode.Parse((await engine.WharfAsync("job", "inspect", "by-hand")).ShouldExit(0).Out)![0]!;
            ((string)job["Container"]!["Image"]!).ShouldBe("busybox");
            ((int)job["LastRun"]!["Number"]!).ShouldBe(2);
            await ShouldHaveNoContainersAsync("by-hand");

            (await engine.WharfAsync("job", "create", "--name", "by-hand", "busybox")).ShouldExit(1).Error.ShouldContain("already in use");
            (await engine.WharfAsync("job", "create", "busybox")).ShouldExit(125).Error.ShouldContain("--name");
            (await engine.WharfAsync("job", "create", "--name", "wrong", "--schedule", "99 * * * *", "busybox")).ShouldExit(1).Error.ShouldContain("invalid schedule");
            (await engine.WharfAsync("job", "create", "--name", "wrong", "--restart", "always", "busybox")).ShouldExit(1).Error.ShouldContain("restart policy");
            (await engine.WharfAsync("job", "run", "no-such-job")).ShouldExit(125).Error.ShouldContain("No such job: no-such-job");
        }
        finally { (await engine.WharfAsync("job", "rm", "-f", "by-hand")).ShouldExit(0); }
        (await engine.WharfAsync("job", "ls", "-q")).Out.ShouldBe("");
    }

    [Fact]
    public async Task One_that_cannot_run_says_why()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no jobs");
        try
        {
            (await engine.WharfAsync("job", "create", "--name", "cannot", "busybox", "/no/such/program")).ShouldExit(0);
            (await engine.WharfAsync("job", "run", "cannot")).ShouldExit(127).Error.ShouldContain("no such file or directory");
            // A container of the run's name that is somebody else's is left alone.
            (await engine.DockerAsync("create", "--name", "job-cannot-2", "busybox")).ShouldExit(0);
            (await engine.WharfAsync("job", "run", "cannot")).ShouldExit(125).Error.ShouldContain("already in use");
            (await engine.DockerAsync("rm", "job-cannot-2")).ShouldExit(0);
        }
        finally { (await engine.WharfAsync("job", "rm", "-f", "cannot")).ShouldExit(0); }
    }

    [Fact]
    public async Task A_schedule_is_kept_and_no_run_is_doubled()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no jobs");
        try
        {
            (await engine.WharfAsync("job", "create", "--name", "each-second", "--schedule", "* * * * * *", "busybox", "false")).ShouldExit(0);
            await UntilAsync("each-second", runs => runs.Count(run => run.EndsWith("schedule 1", StringComparison.Ordinal)) >= 2);
        }
        finally { (await engine.WharfAsync("job", "rm", "-f", "each-second")).ShouldExit(0); }
        try
        {
            (await engine.WharfAsync("job", "create", "--name", "long", "--schedule", "* * * * * *", "busybox", "sleep", "1000")).ShouldExit(0);
            var runs = await UntilAsync("long", runs => runs.Length >= 3, "{{.Number}} {{.Result}}");
            runs[^1].ShouldBe("1 running");
            runs[^2].ShouldBe("2 skipped: the run before had not ended");
            (await engine.WharfAsync("job", "run", "long")).ShouldExit(125).Error.ShouldContain("is running");
            (await engine.WharfAsync("job", "rm", "long")).ShouldExit(1).Error.ShouldContain("is running");
        }
        finally { (await engine.WharfAsync("job", "rm", "-f", "long")).ShouldExit(0); }
        await ShouldHaveNoContainersAsync("long");
    }

    [Fact]
    public async Task A_run_outlives_the_daemon_and_what_was_missed_is_made_up_for_once()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no jobs");
        try
        {
            (await engine.WharfAsync("job", "create", "--name", "outliving", "-v", "job-volume:/v", "busybox", "sh", "-c", "while [ ! -f /v/go ]; do sleep 0.1; done; echo gone on; exit 4")).ShouldExit(0);
            (await engine.WharfAsync("job", "create", "--name", "missed", "--catch-up", "--schedule", "* * * * * *", "busybox", "true")).ShouldExit(0);
            (await engine.WharfAsync("job", "create", "--name", "forgone", "--schedule", "*/2 * * * * *", "busybox", "true")).ShouldExit(0);
            (await engine.WharfAsync("job", "run", "-d", "outliving")).ShouldExit(0).Out.ShouldBe("1\n");
            while ((await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", "job-outliving-1")).Text != "running") await Task.Delay(50);
            await engine.KillDaemonAsync();
            await Task.Delay(3100); // at least two times of each schedule pass
            await engine.StartDaemonAsync();
            (await RunsAsync("outliving")).ShouldBe(["1 manual "]);
            (await UntilAsync("missed", runs => runs.Any(run => run.Contains("catch-up 0", StringComparison.Ordinal)))).Count(run => run.Contains("catch-up", StringComparison.Ordinal)).ShouldBe(1);
            (await RunsAsync("forgone")).ShouldNotContain(run => run.Contains("catch-up", StringComparison.Ordinal));
            (await engine.DockerAsync("exec", "job-outliving-1", "touch", "/v/go")).ShouldExit(0);
            (await UntilAsync("outliving", runs => runs[0] == "1 manual 4")).Length.ShouldBe(1);
            (await engine.WharfAsync("job", "history", "--logs", "1", "outliving")).Out.ShouldBe("gone on\n");
        }
        finally
        {
            await engine.WharfAsync("job", "rm", "-f", "outliving", "missed", "forgone");
            await ShouldHaveNoContainersAsync("outliving");
            await engine.DockerAsync("volume", "rm", "job-volume");
        }
    }
}
