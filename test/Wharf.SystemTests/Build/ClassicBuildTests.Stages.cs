using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Stages that need nothing of each other. They run side by side in Wharf and one after the other in docker; what is told is the same.</summary>
public sealed partial class ClassicBuildTests
{
    /// <summary>Waits, with an end, for a file of the other stage in a cache that both see.</summary>
    private static string Meet(string own, string other) =>
        $"RUN --mount=type=cache,id=cb-meet,target=/c echo at {own} && touch /c/{own} && for i in $(seq 600); do [ -e /c/{other} ] && exit 0; sleep 0.05; done; exit 7";

    [Fact]
    public async Task Stages_run_side_by_side_and_are_told_in_their_order()
    {
        Assert.SkipUnless(engine.IsWharf, "docker's classic builder goes stage after stage, and knows no mounts");
        var built = await BuildAsync("t=cb-side", $"FROM busybox AS a\n{_new}\n{Meet("a", "b")}\nFROM busybox AS b\n{_new}2\n{Meet("b", "a")}\nRUN echo late\nFROM scratch\nCOPY --from=a /bin/true /a\nCOPY --from=1 /bin/true /b\n");
        var told = Told(built);
        built.StreamError.ShouldBeNull(told);
        Regex.Matches(told, "^(?:Step [0-9]+/|at [ab]$|late$)", RegexOptions.Multiline).Select(static match => match.Value)
            .ShouldBe(["Step 1/", "Step 2/", "Step 3/", "at a", "Step 4/", "Step 5/", "Step 6/", "at b", "Step 7/", "late", "Step 8/", "Step 9/", "Step 10/"]);
        Stages(built).Count.ShouldBe(3);
        await RemoveAsync("cb-side");
        foreach (var stage in Stages(built)[..2]) await RemoveAsync(stage);
    }

    [Fact]
    public async Task A_step_that_two_stages_begin_with_is_done_once()
    {
        var built = await BuildAsync("t=cb-twice", $"FROM busybox AS a\n{_new}\nRUN sleep 0.5 && cat /proc/sys/kernel/random/uuid > /id\nFROM busybox AS b\n{_new}\nRUN sleep 0.5 && cat /proc/sys/kernel/random/uuid > /id\nRUN echo more > /more\nFROM b\nCOPY --from=a /id /id2\nRUN cmp /id /id2\n");
        built.StreamError.ShouldBeNull(Told(built));
        Regex.Count(Told(built), "Using cache").ShouldBe(2);
        await RemoveAsync("cb-twice");
    }

    [Fact]
    public async Task A_stage_that_fails_is_the_last_that_is_told()
    {
        var built = await BuildAsync("t=cb-fails", $"FROM busybox AS a\n{_new}\nRUN sleep 1; exit 3\nFROM busybox AS b\n{_new}b\nRUN echo not told\nRUN exit 4\nFROM busybox\nCOPY --from=b / /\n");
        Told(built).ShouldNotContain("Step 4");
        Told(built).ShouldNotContain("not told");
        built.StreamError.ShouldBe("The command '/bin/sh -c sleep 1; exit 3' returned a non-zero code: 3");
        (await _api.GetAsync("/containers/json?filters={\"status\":[\"running\"],\"ancestor\":[\"busybox\"]}")).Json.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_stage_that_is_named_by_a_variable_is_waited_for()
    {
        var built = await BuildAsync("t=cb-variable", $"ARG base=one\nFROM busybox AS one\n{_new}\nRUN sleep 0.5 && echo here > /one\nFROM $base AS two\nENV from=one\nRUN cp /one /two\nFROM busybox\nCOPY --from=two /two /\nRUN cat /two\n");
        built.StreamError.ShouldBeNull(Told(built));
        Told(built).ShouldContain("\nhere\n");
        await RemoveAsync("cb-variable");
    }
}
