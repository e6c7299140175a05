using Wharf.Engine.Shims;

namespace Wharf.Engine.Build.Debugging;

/// <summary>A process that a build's client has started by hand. Disposing lets go of its streams; the process goes on.</summary>
public sealed class BuildProcess(AttachedStream streams, bool terminal) : IAsyncDisposable
{
    private const int BufferSize = 32 << 10, StandardOutput = 1;

    /// <summary>Its exit code, when it has ended.</summary>
    public required Task<int> Ended { get; init; }

    /// <summary>Makes its terminal so many rows high and so many columns wide.</summary>
    public required Func<uint, uint, Task> Resize { get; init; }

    /// <summary>Sends it a signal by name.</summary>
    public required Func<string, Task> Signal { get; init; }

    /// <summary>What BuildKit's clients are told of a process that could not be started, as if it had said so itself.</summary>
    public static string WhyNotStarted(ShimException error) => $"runc run failed: {error.Message[Math.Max(error.Message.IndexOf("unable to start container process", StringComparison.Ordinal), 0)..]}\n";

    /// <summary>Gives what it writes, with the number of the stream, until there is no more.</summary>
    public async Task ReadAsync(Func<int, ReadOnlyMemory<byte>, ValueTask> take, CancellationToken cancellation)
    {
        if (!terminal)
        {
            await OutputFrames.ReadAsync(streams, take, cancellation);
            return;
        }
        var buffer = new byte[BufferSize];
        int count;
        while ((count = await streams.ReadAsync(buffer, cancellation)) > 0) await take(StandardOutput, buffer.AsMemory(0, count));
    }

    public async Task WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        try { await streams.WriteAsync(data, cancellation); }
        catch (IOException) when (Ended.IsCompleted)
        {
            // It has ended meanwhile: nobody reads that.
        }
    }

    public void EndInput() => streams.ShutdownWrite();

    public ValueTask DisposeAsync() => streams.DisposeAsync();
}
