using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary><c>wharf search --list-tags</c>, in podman's words.</summary>
public sealed class ListTagsTests(EngineFixture engine)
{
    [Fact]
    public async Task The_tags_of_a_repository_are_listed_by_version_to_who_may_see_them()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        using var cli = new WharfCli(engine);
        var repository = $"{registry.Address}/team/app";
        (await cli.RunAsync("search", "--list-tags", repository)).ShouldExit(1).Error.ShouldContain("no basic auth credentials");
        (await cli.RunAsync("secret\n"u8.ToArray(), "login", "-u", "alice", "--password-stdin", registry.Address)).ShouldExit(0);
        foreach (var tag in (string[])["1.10", "1.9", "edge"])
        {
            (await cli.RunAsync("tag", "busybox", $"{repository}:{tag}")).ShouldExit(0);
            (await cli.RunAsync("push", "-q", $"{repository}:{tag}")).ShouldExit(0);
        }
        (await cli.RunAsync("search", "--list-tags", repository)).ShouldExit(0).Text.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ShouldBe([["NAME", "TAG"], [repository, "1.9"], [repository, "1.10"], [repository, "edge"]]);
        (await cli.RunAsync("search", "--list-tags", "--limit", "2", "--format", "{{.Tag}}", repository)).ShouldExit(0).Text.ShouldBe("1.9\n1.10");
        (await cli.RunAsync("search", "--list-tags", "--filter", "stars=1", repository)).ShouldExit(1).Error.ShouldContain("filters are not applicable to list tags result");
        (await cli.RunAsync("search", "--list-tags", $"{repository}:edge")).ShouldExit(1).Error.ShouldContain("names an image, not a repository");
        (await cli.RunAsync("search", "--list-tags", $"{registry.Address}/team/none")).ShouldExit(1).Error.ShouldContain("not found");
        foreach (var tag in (string[])["1.10", "1.9", "edge"]) (await cli.RunAsync("rmi", $"{repository}:{tag}")).ShouldExit(0);
        // At a tab, too, once the colon is there.
        (await cli.RunAsync("__complete", "pull", $"{repository}:")).ShouldExit(0).Text.Split('\n').Where(line => line.StartsWith(repository, StringComparison.Ordinal)).ShouldBe([$"{repository}:1.9", $"{repository}:1.10", $"{repository}:edge"]);
        (await cli.RunAsync("__complete", "pull", repository)).ShouldExit(0).Text.ShouldNotContain(repository);
    }
}
