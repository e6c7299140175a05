using Shouldly;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>The <c>reference</c> filter, as real dockerd answered each of these.</summary>
public class ReferencePatternTests
{
    [Theory]
    [InlineData("app", "app:v1", true)]
    [InlineData("app:v1", "app:v1", true)]
    [InlineData("app:v2", "app:v1", false)]
    [InlineData("a*:v?", "app:v1", true)]
    [InlineData("ap[o-q]", "app:v1", true)]
    [InlineData("ap[^o-q]", "app:v1", false)]
    [InlineData("ap[z-a]", "app:v1", false)]
    [InlineData("app:v[0-9]", "app:v1", true)]
    [InlineData("ap\\p", "app:v1", true)]
    [InlineData("*", "app:v1", true)]
    [InlineData("**", "app:v1", true)]
    [InlineData("*", "team/app:v1", false)]
    [InlineData("*/*", "team/app:v1", true)]
    [InlineData("*/a*p", "team/app:v1", true)]
    [InlineData("team?app", "team/app:v1", false)]
    [InlineData("*:v1", "app:v1", true)]
    [InlineData("docker.io/library/app", "app:v1", false)]
    [InlineData("127.0.0.1:5000/*", "127.0.0.1:5000/app:v1", true)]
    [InlineData("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:v1", false)]
    public void Patterns_match_as_docker_matches_them(string pattern, string name, bool matches) => ReferencePattern.Matches(pattern, name).ShouldBe(matches);

    [Theory]
    [InlineData("[")]
    [InlineData("app[a")]
    [InlineData("zzz[")]
    [InlineData("app\\")]
    [InlineData("ap[]p]")]
    [InlineData("ap[a-]")]
    public void What_is_no_pattern_is_said_to_be_none(string pattern) =>
        Should.Throw<WharfException>(() => ReferencePattern.Matches(pattern, "app:v1")).Message.ShouldBe("syntax error in pattern");
}
