using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Verbs on many containers at once, on such as may not be there, and in another's place.</summary>
public sealed class SelectionTests(EngineFixture engine)
{
    private async Task<string[]> StartAsync(string label, int count)
    {
        var names = Enumerable.Range(1, count).Select(i => $"{label}-{i}").ToArray();
        foreach (var name in names) (await engine.WharfAsync("run", "-d", "--name", name, "--label", $"chosen={label}", "busybox", "sleep", "1000")).ShouldExit(0);
        return names;
    }

    private async Task ShouldBeAsync(string status, params string[] names)
    {
        foreach (var name in names) (await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", name)).Text.ShouldBe(status, name);
    }

    [Fact]
    public async Task Verbs_are_done_to_all_that_meet_a_condition()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such flags");
        var names = await StartAsync("selected", 3);
        string[] chosen = ["--all", "--filter", "label=chosen=selected"];
        try
        {
            Lines(await engine.WharfAsync(["pause", .. chosen])).ShouldBe(names, ignoreOrder: true);
            await ShouldBeAsync("paused", names);
            Lines(await engine.WharfAsync(["unpause", .. chosen])).ShouldBe(names, ignoreOrder: true);
            Lines(await engine.WharfAsync(["unpause", .. chosen])).ShouldBeEmpty();
            Lines(await engine.WharfAsync("kill", "--filter", "name=selected-1", "--filter", "label=chosen=selected")).ShouldBe(["selected-1"]);
            Lines(await engine.WharfAsync(["rm", .. chosen])).ShouldBe(["selected-1"]);
            Lines(await engine.WharfAsync(["restart", "-t", "0", .. chosen])).ShouldBe(names[1..], ignoreOrder: true);
            Lines(await engine.WharfAsync(["stop", "-t", "0", .. chosen])).ShouldBe(names[1..], ignoreOrder: true);
            Lines(await engine.WharfAsync(["start", .. chosen])).ShouldBe(names[1..], ignoreOrder: true);
            await ShouldBeAsync("running", names[1..]);
            Lines(await engine.WharfAsync(["rm", "-f", .. chosen])).ShouldBe(names[1..], ignoreOrder: true);
            (await engine.WharfAsync(["stop", "selected-1", .. chosen])).ShouldExit(1).Error.ShouldBe("--all takes no container names\n");
            (await engine.WharfAsync("stop")).ShouldExit(1).Error.ShouldContain("requires at least 1 argument");
        }
        finally { await engine.DockerAsync(["rm", "-f", .. names]); }

        static string[] Lines(CommandResult result) => result.ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task What_is_not_there_can_be_asked_for_and_passed_over()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such flags");
        var names = await StartAsync("exists", 1);
        try
        {
            (await engine.WharfAsync("container", "exists", "exists-1")).ShouldExit(0).Out.ShouldBe("");
            (await engine.WharfAsync("container", "exists", "exists-2")).ShouldExit(1).Error.ShouldBe("");
            (await engine.WharfAsync("-H", $"unix://{engine.Root}/none.sock", "container", "exists", "exists-1")).ShouldExit(125);
            var stopped = (await engine.WharfAsync("stop", "--ignore", "-t", "0", "exists-2", "exists-1")).ShouldExit(0);
            (stopped.Out, stopped.Error).ShouldBe(("exists-1\n", ""));
            var removed = (await engine.WharfAsync("rm", "--ignore", "exists-2", "exists-1")).ShouldExit(0);
            (removed.Out, removed.Error).ShouldBe(("exists-1\n", ""));
            (await engine.WharfAsync("rm", "exists-2")).ShouldExit(1);
        }
        finally { await engine.DockerAsync(["rm", "-f", .. names]); }
    }

    [Fact]
    public async Task A_container_takes_the_place_of_the_one_that_has_its_name()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such flag");
        const string name = "replaced";
        try
        {
            (await engine.WharfAsync("create", "--replace", "busybox")).ShouldExit(1).Error.ShouldContain("cannot replace a container without --name");
            (await engine.WharfAsync("run", "-d", "--replace", "--name", name, "--hostname", "first", "busybox", "sleep", "1000")).ShouldExit(0);
            var first = (await engine.DockerAsync("inspect", "-f", "{{.Id}}", name)).Text;
            // One that cannot be made leaves the former as it was.
            (await engine.WharfAsync("create", "--replace", "--name", name, "--cpus", "100000", "busybox")).ShouldExit(1);
            (await engine.DockerAsync("inspect", "-f", "{{.Id}} {{.State.Status}}", name)).Text.ShouldBe($"{first} running");
            var second = (await engine.WharfAsync("run", "-d", "--replace", "--name", name, "--hostname", "second", "busybox", "sleep", "1000")).ShouldExit(0).Text;
            (await engine.DockerAsync("inspect", "-f", "{{.Id}} {{.Config.Hostname}} {{.State.Status}}", name)).Text.ShouldBe($"{second} second running");
            (await engine.DockerAsync("inspect", first)).ExitCode.ShouldBe(1);
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
    }
}
