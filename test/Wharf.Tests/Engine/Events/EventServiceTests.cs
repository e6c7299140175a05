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
        using (var heard = events.Subscribe(0))
        {
            await foreach (var message in heard.ReadAsync(onlyPast: false, stop.Token))
            {
                seen.Add(message.Action!);
                if (seen.Count == 1) events.Publish("container", "start", "a");
                else break;
            }
        }
        seen.ShouldBe(["create", "start"]);
        events.Listeners.ShouldBe(0);
    }

    [Fact]
    public async Task Who_has_subscribed_hears_also_what_happens_before_the_first_reading()
    {
        var events = new EventService(TimeProvider.System);
        events.Publish("container", "create", "a");
        using var heard = events.Subscribe(since: null);
        events.Publish("container", "die", "a");
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await foreach (var message in heard.ReadAsync(onlyPast: false, stop.Token))
        {
            message.Action.ShouldBe("die");
            break;
        }
    }

    [Fact]
    public async Task The_order_of_events_is_that_of_their_times()
    {
        var events = new EventService(TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
        {
            for (int i = 0; i < 100; i++) events.Publish("image", "tag", $"{writer}");
        })));
        using var heard = events.Subscribe(0);
        var times = new List<long>();
        await foreach (var message in heard.ReadAsync(onlyPast: true, CancellationToken.None)) times.Add(message.TimeNano!.Value);
        times.Count.ShouldBe(800);
        times.ShouldBe(times.Order());
    }

    [Fact]
    public async Task Only_the_newest_are_kept()
    {
        var events = new EventService(TimeProvider.System);
        for (int i = 0; i < EventService.Kept + 10; i++) events.Publish("image", "tag", i.ToString());
        var seen = new List<string>();
        using var heard = events.Subscribe(0);
        await foreach (var message in heard.ReadAsync(onlyPast: true, CancellationToken.None)) seen.Add(message.Actor!.ID!);
        seen.Count.ShouldBe(EventService.Kept);
        seen[0].ShouldBe("10");
    }
}
