using Shouldly;
using Wharf.Daemon.Api;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Api;

public sealed class EventsApiTests
{
    private static readonly EventMessage Died = new()
    {
        Type = "container", Action = "die", Scope = "local",
        Actor = new EventActor { ID = "abc123", Attributes = new() { ["name"] = "web", ["image"] = "hello", ["team"] = "red" } },
    };

    [Theory]
    [InlineData("""{"type":["container"]}""", true)]
    [InlineData("""{"type":["image"]}""", false)]
    [InlineData("""{"type":["image","container"]}""", true)]
    [InlineData("""{"event":["die"],"container":["web"]}""", true)]
    [InlineData("""{"event":["start"],"container":["web"]}""", false)]
    [InlineData("""{"container":["abc"]}""", true)]
    [InlineData("""{"label":["team=red"]}""", true)]
    [InlineData("""{"label":["team=blue"]}""", false)]
    [InlineData("""{"label":["team","absent"]}""", false)]
    public void Filters_choose_events(string filters, bool expected) => EventsApi.Matches(Died, Filters.Parse(filters)).ShouldBe(expected);

    [Theory]
    [InlineData("1700000000", 1_700_000_000_000_000_000)]
    [InlineData("1700000000.123456789", 1_700_000_000_123_456_789)]
    [InlineData("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000)]
    public void Times_are_seconds_or_rfc_3339(string text, long nanoseconds) => EventsApi.ParseTime(text, "since").ShouldBe(nanoseconds);

    [Fact]
    public void A_bad_time_names_its_parameter() =>
        Should.Throw<WharfException>(() => EventsApi.ParseTime("yesterday", "since")).Message.ShouldContain("\"since\"");
}
