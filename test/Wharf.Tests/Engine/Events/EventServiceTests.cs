using Shouldly;
using Wharf.Engine.Events;
using Xunit;

namespace Wharf.Tests.Engine.Events;

public sealed class EventServiceTests
{
    [Fact]
    public async Task Past_events_come_before_new_ones_and_none_is_lost_between()
    {
        var events = new EventService(TimeProvider.System);
        events.Publish("container", "create", "a");
        var seen = new List<string>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await foreach (var message in events.ListenAsync(0, onlyPast: false, stop.Token))
        {
            seen.Add(message.Action!);
            if (seen.Count == 1) events.Publish("container", "start", "a");
            else break;
        }
        seen.ShouldBe(["create", "start"]);
        events.Listeners.ShouldBe(0);
    }

    [Fact]
    public async Task Only_the_newest_are_kept()
    {
        var events = new EventService(TimeProvider.System);
        for (int i = 0; i < EventService.Kept + 10; i++) events.Publish("image", "tag", i.ToString());
        var seen = new List<string>();
        await foreach (var message in events.ListenAsync(0, onlyPast: true, CancellationToken.None)) seen.Add(message.Actor!.ID!);
        seen.Count.ShouldBe(EventService.Kept);
        seen[0].ShouldBe("10");
    }
}
