namespace Wharf.Cli.ApiClient;

/// <summary>A connection taken over after its headers: bytes both ways, each direction closed on its own.</summary>
internal sealed class HijackedStream(HttpConnection connection, ResponseHead head) : IAsyncDisposable
{
    /// <summary>Since API 1.42 the daemon says whether stdout and stderr come multiplexed.</summary>
    public string? ContentType => head["Content-Type"];

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) => connection.ReadAsync(buffer, cancellationToken);
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => connection.WriteAsync(bytes, cancellationToken);
    public Task CloseWriteAsync() => connection.CloseWriteAsync();
    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
