using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Our own CLI's builds.</summary>
public sealed class WharfBuildTests(EngineFixture engine)
{
    [Fact]
    public async Task A_shell_opens_in_the_file_system_of_the_step_that_failed()
    {
        if (!engine.IsWharf) Assert.Skip("an option of Wharf's own CLI");
        var context = Directory.CreateDirectory(Path.Combine(engine.Root, "on-error")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nCOPY below /below\nRUN echo half > /done; exit 7\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(context + "/below", "layer\n", TestContext.Current.CancellationToken);
        int before = await CountAsync();
        var build = await engine.WharfAsync("cat /done /below; exit\n"u8.ToArray(), "build", "--on-error=shell", context);
        build.ShouldExit(7).Out.ShouldEndWith("half\nlayer\n");
        build.Error.ShouldContain("returned a non-zero code: 7");
        (await CountAsync()).ShouldBe(before);
        (await engine.WharfAsync("build", "--on-error=nonsense", context)).ShouldExit(125).Error.ShouldContain("only \"shell\" can be opened");
    }

    /// <summary>Containers and images.</summary>
    private async Task<int> CountAsync() => (await engine.DockerAsync("ps", "-aq")).Out.Count(letter => letter == '\n') + (await engine.DockerAsync("images", "-aq")).Out.Count(letter => letter == '\n');
}
