using Shouldly;
using Wharf.Daemon.Http;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

public sealed class ApiRouterTests
{
    private static readonly ApiHandler Inspect = _ => Task.CompletedTask, List = _ => Task.CompletedTask, History = _ => Task.CompletedTask, Remove = _ => Task.CompletedTask;

    private static ApiRouter Router()
    {
        var router = new ApiRouter();
        router.Get("/images/json", List);
        router.Get("/images/{name*}/json", Inspect);
        router.Get("/images/{name*}/history", History);
        router.Delete("/images/{name*}", Remove);
        return router;
    }

    [Theory]
    [InlineData("/images/busybox/json", "busybox")]
    [InlineData("/images/127.0.0.1:5000/team/app:1.0/json", "127.0.0.1:5000/team/app:1.0")]
    [InlineData("/images/team%2Fapp/json", "team/app")]
    [InlineData("/images/json/json", "json")]
    public void An_image_name_may_hold_slashes(string path, string name)
    {
        var parameters = new Dictionary<string, string>();
        Router().Match("GET", path, parameters, out _).ShouldBeSameAs(Inspect);
        parameters["name"].ShouldBe(name);
    }

    [Fact]
    public void A_literal_segment_wins_over_a_parameter()
    {
        Router().Match("GET", "/images/json", [], out _).ShouldBeSameAs(List);
    }

    [Fact]
    public void The_method_decides_between_routes_of_one_path()
    {
        var parameters = new Dictionary<string, string>();
        Router().Match("DELETE", "/images/a/b", parameters, out _).ShouldBeSameAs(Remove);
        parameters["name"].ShouldBe("a/b");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/images")]
    [InlineData("/images/x/unknown")]
    [InlineData("/nothing/x/json")]
    public void An_unknown_path_matches_nothing(string path) => Router().Match("GET", path, [], out _).ShouldBeNull();

    [Fact]
    public void A_path_known_under_another_method_says_so()
    {
        Router().Match("PATCH", "/images/x/json", [], out bool mismatch).ShouldBeNull();
        mismatch.ShouldBeTrue();
    }
}
