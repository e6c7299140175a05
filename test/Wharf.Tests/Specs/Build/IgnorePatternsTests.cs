using Shouldly;
using Wharf.Specs.Build;
using Xunit;

namespace Wharf.Tests.Specs.Build;

/// <summary>What a .dockerignore keeps out of a build context.</summary>
public sealed class IgnorePatternsTests
{
    [Theory]
    [InlineData("*.log", "a.log", true)]
    [InlineData("*.log", "dir/a.log", false)]
    [InlineData("**/*.log", "dir/sub/a.log", true)]
    [InlineData("**/*.log", "a.log", true)]
    [InlineData("dir", "dir/sub/file", true)]
    [InlineData("/dir/", "dir/file", true)]
    [InlineData("dir/**", "dir/file", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a]x", "ax", false)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("# comment", "# comment", false)]
    [InlineData("./x/../y", "y", true)]
    [InlineData("**/node_modules/**/x", "a/node_modules/b/c/x", true)]
    public void Patterns_match_as_gos_do(string pattern, string path, bool isExcluded) => IgnorePatterns.Parse([pattern]).Excludes(path).ShouldBe(isExcluded);

    [Fact]
    public void The_last_pattern_that_matches_counts()
    {
        var patterns = IgnorePatterns.Parse(["*.md", "!README*.md", "README-secret.md"]);
        patterns.Excludes("a.md").ShouldBeTrue();
        patterns.Excludes("README.md").ShouldBeFalse();
        patterns.Excludes("README-secret.md").ShouldBeTrue();
    }

    [Fact]
    public void An_excluded_directory_is_walked_when_an_exception_may_lie_in_it()
    {
        var patterns = IgnorePatterns.Parse(["dir", "other", "!dir/keep/x"]);
        patterns.MayHoldException("dir").ShouldBeTrue();
        patterns.MayHoldException("dir/keep").ShouldBeTrue();
        patterns.MayHoldException("other").ShouldBeFalse();
        patterns.Excludes("dir/keep/x").ShouldBeFalse();
    }
}
