using System.Threading.Channels;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Events;

/// <summary>What happens to objects, in order, for those who listen; the last <see cref="Kept"/> events are kept for <c>since</c>.</summary>
public sealed class EventService(TimeProvider clock)
{
    /// <summary>How many past events can be asked for.</summary>
    public const int Kept = 1024;

    /// <summary>How many listen now.</summary>
    public int Listeners { get { lock (_lock) return _listeners.Count; } }

    private readonly Lock _lock = new();
    private readonly Queue<EventMessage> _past = new();
    private readonly List<Channel<EventMessage>> _listeners = [];

    /// <summary>Announces that <paramref name="action"/> happened to an object, e.g. container, start. The order of announcements is that of their times.</summary>
    public void Publish(string type, string action, string id, IReadOnlyDictionary<string, string>? attributes = null)
    {
        var actor = new EventActor { ID = id, Attributes = attributes is null ? [] : new Dictionary<string, string>(attributes) };
        lock (_lock)
        {
            var message = At(clock.GetUtcNow(), type, action, actor);
            _past.Enqueue(message);
            while (_past.Count > Kept) _past.Dequeue();
            foreach (var listener in _listeners) listener.Writer.TryWrite(message);
        }
    }

    private static EventMessage At(DateTimeOffset now, string type, string action, EventActor actor)
    {
        long nanoseconds = (now - DateTimeOffset.UnixEpoch).Ticks * 100;
        return new EventMessage
        {
            LegacyStatus = type is "container" or "image" ? action : null,
            LegacyId = type is "container" or "image" && actor.ID!.Length > 0 ? actor.ID : null,
            LegacyFrom = type == "container" ? actor.Attributes!.GetValueOrDefault("image") : null,
            Type = type,
            Action = action,
            Actor = actor,
            Scope = "local",
            Time = nanoseconds / 1_000_000_000,
            TimeNano = nanoseconds,
        };
    }

    /// <summary>
    /// Listens from now on, whenever it is read: past events from <paramref name="since"/> (nanoseconds of the Unix epoch; null for
    /// none), then new ones. A listener that falls 16,384 events behind loses the oldest.
    /// </summary>
    public EventSubscription Subscribe(long? since)
    {
        var channel = Channel.CreateBounded<EventMessage>(new BoundedChannelOptions(16 * Kept) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        lock (_lock)
        {
            List<EventMessage> past = since is null ? [] : [.. _past.Where(message => message.TimeNano >= since)];
            _listeners.Add(channel);
            return new EventSubscription(past, channel.Reader, () => Leave(channel));
        }
    }

    private void Leave(Channel<EventMessage> channel)
    {
        lock (_lock) _listeners.Remove(channel);
    }
}
