using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What others clear away is never what a build needs.</summary>
public sealed class PruneTests
{
    [Fact]
    public async Task Builds_end_well_while_all_is_pruned()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        (await engine.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        // A container keeps the base image; the layers above it are the builds' own.
        (await engine.DockerAsync("create", "busybox", "true")).ShouldExit(0);
        using var over = new CancellationTokenSource();
        var pruning = PruneAsync(engine.SocketPath, over.Token);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, 3).Select(worker => BuildManyAsync(engine, worker)));
        }
        finally
        {
            await over.CancelAsync();
        }
        (await pruning).ShouldBeGreaterThan(3);
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
    }

    private static async Task<int> PruneAsync(string socket, CancellationToken over)
    {
        using var api = new EngineApi(socket);
        int rounds = 0;
        for (; !over.IsCancellationRequested; rounds++)
        {
            (await api.PostAsync("/build/prune?all=1")).Status.ShouldBe(200);
            (await api.PostAsync("/images/prune?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D")).Status.ShouldBe(200);
        }
        return rounds;
    }

    private static async Task BuildManyAsync(EngineFixture engine, int worker)
    {
        var context = Directory.CreateDirectory(Path.Combine(engine.Root, $"prune-{worker}")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", """
            FROM busybox AS first
            ARG ROUND
            WORKDIR /site
            COPY page /site/
            RUN echo $ROUND > round
            FROM busybox
            COPY --from=first /site /www
            RUN cat /www/round /www/page > /both
            """);
        for (int round = 0; round < 6; round++)
        {
            await File.WriteAllTextAsync(context + "/page", $"{worker}.{round}\n");
            var build = await engine.DockerAsync("build", "-q", "-t", $"pruned-{worker}", "--build-arg", $"ROUND={round}", context);
            build.ShouldExit(0);
            (await engine.DockerAsync("run", "--rm", $"pruned-{worker}", "cat", "/both")).ShouldExit(0).Out.ShouldBe($"{round}\n{worker}.{round}\n");
        }
    }
}
