using System.Net.Http;
using Grpc.Core;
using Grpc.Net.Client;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Building;

/// <summary>The daemon's builder: gRPC over a connection of the Engine API.</summary>
internal sealed class BuilderClient : IAsyncDisposable
{
    private const string Path = "/grpc", Protocol = "h2c";
    private readonly GrpcChannel channel;

    public BuilderClient(DockerClient api)
    {
        channel = GrpcChannel.ForAddress("http://builder", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellationToken) => new UpgradedStream(await api.UpgradeAsync(Path, Protocol, [], cancellationToken)),
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan, UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null,
            },
            DisposeHttpClient = true, MaxReceiveMessageSize = null, MaxSendMessageSize = null,
        });
        Calls = channel.CreateCallInvoker();
    }

    public CallInvoker Calls { get; }

    public ValueTask DisposeAsync()
    {
        channel.Dispose();
        return ValueTask.CompletedTask;
    }
}
