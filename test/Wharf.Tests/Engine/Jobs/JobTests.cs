using System.Text;
using Shouldly;
using Wharf.Engine.Jobs;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Jobs;

/// <summary>When jobs are due, and what is kept of them.</summary>
public sealed class JobTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 28, 12, 0, 0, TimeSpan.Zero);
    private readonly string _root = Directory.CreateTempSubdirectory("jobs-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("30 4 * * *", "2026-03-29T04:30:00Z")]
    [InlineData("*/10 * * * * *", "2026-03-28T12:00:10Z")]
    [InlineData("@hourly", "2026-03-28T13:00:00Z")]
    [InlineData("0 0 1 1 *", "2027-01-01T00:00:00Z")]
    public void A_schedule_is_due_at_its_next_time(string schedule, string next) => JobSchedule.Parse(schedule, "UTC")!.Next(Now).ShouldBe(DateTimeOffset.Parse(next, System.Globalization.CultureInfo.InvariantCulture));

    [Fact]
    public void Hours_are_those_of_the_zone()
    {
        Assert.SkipUnless(TimeZoneInfo.TryFindSystemTimeZoneById("Europe/Berlin", out _), "no time zones are installed");
        JobSchedule.Parse("30 14 * * *", "Europe/Berlin")!.Next(Now)!.Value.UtcDateTime.ShouldBe(new DateTime(2026, 3, 28, 13, 30, 0));
        // The clock jumps from 2 to 3 that night: a time that is not there is made up for right after.
        JobSchedule.Parse("30 2 29 3 *", "Europe/Berlin")!.Next(Now)!.Value.UtcDateTime.ShouldBe(new DateTime(2026, 3, 29, 1, 0, 0));
    }

    [Fact]
    public void What_is_no_schedule_is_refused()
    {
        JobSchedule.Parse("", "").ShouldBeNull();
        Should.Throw<WharfException>(() => JobSchedule.Parse("61 * * * *", null)).Message.ShouldStartWith("invalid schedule \"61 * * * *\": ");
        Should.Throw<WharfException>(() => JobSchedule.Parse("daily", null)).Kind.ShouldBe(ErrorKind.InvalidArgument);
        Should.Throw<WharfException>(() => JobSchedule.Parse("@daily", "Nowhere/City")).Message.ShouldStartWith("invalid time zone");
        JobSchedule.Parse("0 0 30 2 *", null)!.Next(Now).ShouldBeNull();
    }

    [Fact]
    public void Jobs_and_runs_are_kept()
    {
        using (var state = new StateStore(_root))
        {
            var store = new JobStore(state);
            store.Insert(new Job { Name = "a", Schedule = "@daily", CatchUp = true, Created = Now, Container = new ContainerCreateRequest { Image = "busybox", Cmd = ["x"] } }, Now).ShouldBeTrue();
            store.Insert(new Job { Name = "a", Container = new ContainerCreateRequest() }, Now).ShouldBeFalse();
            var first = store.AddRun("a", "schedule", Now);
            (first.Number, first.Container).ShouldBe((1, "job-a-1"));
            store.FinishRun("a", first with { Finished = Now.AddSeconds(2), ExitCode = 3, Log = "said\n" });
            store.AddRun("a", "manual", Now.AddHours(1)).Number.ShouldBe(2);
            store.SetConsidered("a", Now.AddHours(2));
        }
        using (var state = new StateStore(_root))
        {
            var store = new JobStore(state);
            var (job, considered) = store.ReadAll().ShouldHaveSingleItem();
            (job.Schedule, job.CatchUp, job.Container!.Image, considered).ShouldBe(("@daily", true, "busybox", Now.AddHours(2)));
            store.Runs("a").Select(run => (run.Number, run.ExitCode, run.Log)).ShouldBe([(2, null, null), (1, 3, "said\n")]);
            store.OpenRuns().ShouldHaveSingleItem().Run.Number.ShouldBe(2);
            for (int i = 0; i < 150; i++) store.FinishRun("a", store.AddRun("a", "schedule", Now) with { Finished = Now });
            // The one that is not over is not forgotten.
            (store.Runs("a").Count, store.Runs("a")[^1].Number).ShouldBe((101, 2));
            store.Delete("a");
            store.Runs("a").ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task The_last_of_a_log_is_kept_in_whole_lines()
    {
        await using var log = new JobLog();
        log.Write("begun "u8);
        log.Write("ended\n"u8);
        log.ToString().ShouldBe("begun ended\n");
        for (int i = 0; i < 3000; i++) log.Write(Encoding.ASCII.GetBytes($"line {i}\n"));
        log.ToString().ShouldStartWith("line ");
        log.ToString().ShouldEndWith("line 2999\n");
        log.ToString().Length.ShouldBeInRange(15000, 16384);
    }
}
