namespace Wharf.Cli.Streams;

/// <summary>What is read here is sent elsewhere: tells when reading fails, as the other side would wait for the rest for ever.</summary>
internal sealed class WatchedStream(Stream inner, Action onFailure) : ForwardStream
{
    /// <summary>Why reading failed.</summary>
    public Exception? Failure { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException error)
        {
            Failure = error;
            onFailure();
            throw;
        }
    }
}
