using Shouldly;
using Wharf.Engine.Build;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Build;

public sealed class GitSourceTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    [Theory]
    [InlineData("", "", "")]
    [InlineData("#v1", "v1", "")]
    [InlineData("#v1:sub", "v1", "sub")]
    [InlineData("#:sub", "", "sub")]
    [InlineData("?ref=v1", "v1", "")]
    [InlineData("?tag=v1", "refs/tags/v1", "")]
    [InlineData("?branch=main", "refs/heads/main", "")]
    [InlineData("?tag=refs/tags/v1", "refs/tags/v1", "")]
    [InlineData("?ref=a%2Fb&subdir=x", "a/b", "x")]
    [InlineData("?ref=v1#v1", "v1", "")]
    [InlineData("?subdir=sub#main:sub", "main", "sub")]
    [InlineData("?ref=refs/tags/v1&tag=v1", "refs/tags/v1", "")]
    public void Reference_and_directory_come_from_fragment_and_query(string rest, string reference, string directory)
    {
        var source = GitSource.Parse("https://example.test/x.git" + rest);
        (source.Remote, source.Reference, source.Directory).ShouldBe(("https://example.test/x.git", reference, directory));
        (source.Commit, source.KeepsGitDirectory, source.HasSubmodules).ShouldBe(("", false, true));
    }

    [Theory]
    [InlineData("?commit=" + Commit, Commit, false, true)]
    [InlineData("?checksum=ABC123&tag=v1", "abc123", false, true)]
    [InlineData("?checksum=abc&commit=abc", "abc", false, true)]
    [InlineData("?keep-git-dir", "", true, true)]
    [InlineData("?keep-git-dir=1&submodules=false", "", true, false)]
    [InlineData("?keep-git-dir=0&submodules=", "", false, true)]
    public void Query_tells_how_to_check_out(string query, string commit, bool keeps, bool submodules)
    {
        var source = GitSource.Parse("https://example.test/x.git" + query);
        (source.Commit, source.KeepsGitDirectory, source.HasSubmodules).ShouldBe((commit, keeps, submodules));
    }

    // The messages are those of dockerd 28.5.
    [Theory]
    [InlineData("?ref=", "query \"ref\" has no value")]
    [InlineData("?subdir", "query \"subdir\" has no value")]
    [InlineData("?branch=a&branch=a", "query \"branch\" has multiple values")]
    [InlineData("?tag=v1&branch=br", "branch conflicts with tag")]
    [InlineData("?ref=v1&tag=v1", "ref conflicts: \"v1\" vs \"refs/tags/v1\"")]
    [InlineData("?ref=v1#br", "ref conflicts: \"br\" vs \"v1\"")]
    [InlineData("?subdir=a#:sub", "subdir conflicts: \"sub\" vs \"a\"")]
    [InlineData("?checksum=xyz", "invalid checksum xyz for Git URL, expected hex commit hash")]
    [InlineData("?keep-git-dir=x", "invalid keep-git-dir value: \"x\"")]
    [InlineData("?submodules=x", "invalid submodules value: \"x\"")]
    [InlineData("?foo=1", "unexpected query \"foo\"")]
    [InlineData("?ref=--upload-pack=x", "invalid git address: https://example.test/x.git?ref=--upload-pack=x")]
    public void Query_that_cannot_be_followed_is_refused(string rest, string message)
    {
        var error = Should.Throw<WharfException>(() => GitSource.Parse("https://example.test/x.git" + rest));
        (error.Kind, error.Message).ShouldBe((ErrorKind.InvalidArgument, message));
    }
}
