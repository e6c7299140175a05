using System.Runtime.CompilerServices;
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

    /// <summary>Announces that <paramref name="action"/> happened to an object, e.g. container, start.</summary>
    public void Publish(string type, string action, string id, IReadOnlyDictionary<string, string>? attributes = null)
    {
        var now = clock.GetUtcNow();
        long nanoseconds = (now - DateTimeOffset.UnixEpoch).Ticks * 100;
        var message = new EventMessage
        {
            LegacyStatus = type is "container" or "image" ? action : null,
            LegacyId = type is "container" or "image" && id.Length > 0 ? id : null,
            LegacyFrom = type == "container" ? attributes?.GetValueOrDefault("image") : null,
            Type = type,
            Action = action,
            Actor = new EventActor { ID = id, Attributes = attributes is null ? [] : new Dictionary<string, string>(attributes) },
            Scope = "local",
            Time = nanoseconds / 1_000_000_000,
            TimeNano = nanoseconds,
        };
        lock (_lock)
        {
            _past.Enqueue(message);
            while (_past.Count > Kept) _past.Dequeue();
            foreach (var listener in _listeners) listener.Writer.TryWrite(message);
        }
    }

    /// <summary>
    /// Past events from <paramref name="since"/> (nanoseconds of the Unix epoch; null for none), then, unless
    /// <paramref name="onlyPast"/>, new ones until cancelled. A listener that falls 16,384 events behind loses the oldest.
    /// </summary>
    public async IAsyncEnumerable<EventMessage> ListenAsync(long? since, bool onlyPast, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<EventMessage>(new BoundedChannelOptions(16 * Kept) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        List<EventMessage> past;
        lock (_lock)
        {
            past = since is null ? [] : [.. _past.Where(message => message.TimeNano >= since)];
            _listeners.Add(channel);
        }
        try
        {
            foreach (var message in past) yield return message;
            if (onlyPast) yield break;
            await foreach (var message in channel.Reader.ReadAllAsync(cancellation)) yield return message;
        }
        finally
        {
            lock (_lock) _listeners.Remove(channel);
        }
    }
}
