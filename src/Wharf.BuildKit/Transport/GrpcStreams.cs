using Grpc.Core;

namespace Wharf.BuildKit.Transport;

/// <summary>The messages that come with a call.</summary>
internal sealed class GrpcReader<T>(GrpcCall call, Marshaller<T> marshaller) : IAsyncStreamReader<T> where T : class
{
    private T? _current;

    public T Current => _current ?? throw new InvalidOperationException("there is no message");

    public async Task<bool> MoveNext(CancellationToken cancellationToken) => (_current = await call.ReadAsync(marshaller, cancellationToken)) is not null;
}

/// <summary>The messages that a call is answered with, each sent at once but where the options say that more is coming.</summary>
internal sealed class GrpcWriter<T>(GrpcCall call, Marshaller<T> marshaller) : IServerStreamWriter<T> where T : class
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        call.Write(marshaller, message);
        if (WriteOptions is not { Flags: var flags } || (flags & WriteFlags.BufferHint) == 0) await call.FlushAsync();
    }
}
