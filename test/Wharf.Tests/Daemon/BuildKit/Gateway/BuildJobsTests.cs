using Shouldly;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.BuildKit.Gateway;

public sealed class BuildJobsTests
{
    private static BuildJob Job(string reference) => new(reference, "session", new SolveRequest(), "/nowhere", CancellationToken.None);

    [Fact]
    public async Task The_progress_of_a_build_that_is_just_over_is_still_found()
    {
        var jobs = new BuildJobs();
        var job = Job("quick");
        jobs.Add(job);
        job.Log.Complete();
        jobs.Remove(job);
        (await jobs.FindAsync("quick", TestContext.Current.CancellationToken)).ShouldBe(job);
        job.IsOver.ShouldBeTrue();
    }

    [Fact]
    public async Task Who_asks_first_waits_and_a_reference_is_free_again_after_its_build()
    {
        var jobs = new BuildJobs();
        var asking = jobs.FindAsync("early", TestContext.Current.CancellationToken);
        asking.IsCompleted.ShouldBeFalse();
        var (first, second) = (Job("early"), Job("early"));
        jobs.Add(first);
        (await asking).ShouldBe(first);
        Should.Throw<WharfException>(() => jobs.Add(second)).Kind.ShouldBe(ErrorKind.Conflict);
        jobs.Remove(first);
        jobs.Add(second);
        (await jobs.FindAsync("early", TestContext.Current.CancellationToken)).ShouldBe(second);
    }
}
