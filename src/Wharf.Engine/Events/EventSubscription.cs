using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Events;

/// <summary>What one listener hears, from the moment it was made until it is disposed of.</summary>
public sealed class EventSubscription(IReadOnlyList<EventMessage> past, ChannelReader<EventMessage> coming, Action leave) : IDisposable
{
    /// <summary>The past it asked for, then, unless <paramref name="onlyPast"/>, what has happened and happens since, until cancelled.</summary>
    public async IAsyncEnumerable<EventMessage> ReadAsync(bool onlyPast, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var message in past) yield return message;
        if (onlyPast) yield break;
        await foreach (var message in coming.ReadAllAsync(cancellation)) yield return message;
    }

    public void Dispose() => leave();
}
