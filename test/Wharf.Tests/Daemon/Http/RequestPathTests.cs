using Shouldly;
using Wharf.Daemon.Http;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

public sealed class RequestPathTests
{
    [Theory]
    [InlineData("//_ping", "/_ping")]
    [InlineData("/v1.51//info", "/v1.51/info")]
    [InlineData("/images/a/../b/json", "/images/b/json")]
    [InlineData("/../../etc", "/etc")]
    [InlineData("/./x/", "/x/")]
    public void Paths_are_brought_to_their_simplest_form(string path, string clean)
    {
        RequestPath.TryClean(path, out var found).ShouldBeTrue();
        found.ShouldBe(clean);
    }

    [Theory]
    [InlineData("/_ping")]
    [InlineData("/images/team/.app/json")]
    [InlineData("/")]
    public void Simple_paths_are_left_alone(string path) => RequestPath.TryClean(path, out _).ShouldBeFalse();
}
