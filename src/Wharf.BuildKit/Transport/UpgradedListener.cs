using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace Wharf.BuildKit.Transport;

/// <summary>Kestrel's transport for the gRPC server: hands it connections that were upgraded elsewhere.</summary>
internal sealed class UpgradedListener : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint => GrpcEndPoint.Instance;

    public bool CanBind(EndPoint endpoint) => endpoint is GrpcEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => ValueTask.FromResult<IConnectionListener>(this);

    /// <summary>Serves a connection until it ends.</summary>
    public async Task ServeAsync(UpgradedConnection connection)
    {
        if (!_connections.Writer.TryWrite(connection)) return;
        await connection.Ended;
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _connections.Reader.WaitToReadAsync(cancellationToken))
            if (_connections.Reader.TryRead(out var connection)) return connection;
        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _connections.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}
