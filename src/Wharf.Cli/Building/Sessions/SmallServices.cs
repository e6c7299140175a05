using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Protocol.Sessions;

namespace Wharf.Cli.Building.Sessions;

/// <summary>Says that the client is there.</summary>
internal sealed class SessionHealth : Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
}

/// <summary>The user's credentials of registries.</summary>
internal sealed class SharedCredentials(SessionOffer offer) : Auth.AuthBase
{
    public override async Task<CredentialsResponse> Credentials(CredentialsRequest request, ServerCallContext context)
    {
        if (await offer.Credentials(request.Host, context.CancellationToken) is not { } found) return new CredentialsResponse();
        return found.IdentityToken is { Length: > 0 } token ? new CredentialsResponse { Secret = token } : new CredentialsResponse { Username = found.Username ?? "", Secret = found.Password ?? "" };
    }
}

/// <summary>Secrets of <c>--secret</c>.</summary>
internal sealed class SharedSecrets(SessionOffer offer) : Secrets.SecretsBase
{
    public override Task<GetSecretResponse> GetSecret(GetSecretRequest request, ServerCallContext context)
    {
        if (!offer.Secrets.TryGetValue(request.Id, out var read)) throw new RpcException(new Status(StatusCode.NotFound, $"secret {request.Id} not found"));
        return Task.FromResult(new GetSecretResponse { Data = ByteString.CopyFrom(read()) });
    }
}

/// <summary>What came by standard input: a context as an archive.</summary>
internal sealed class SharedInput(SessionOffer offer) : Upload.UploadBase
{
    public override async Task Pull(IAsyncStreamReader<BytesMessage> requestStream, IServerStreamWriter<BytesMessage> responseStream, ServerCallContext context)
    {
        var input = offer.Input ?? throw new RpcException(new Status(StatusCode.NotFound, "nothing came by standard input"));
        var buffer = new byte[256 << 10];
        int count;
        while ((count = await input.ReadAsync(buffer, context.CancellationToken)) > 0)
            await responseStream.WriteAsync(new BytesMessage { Data = ByteString.CopyFrom(buffer, 0, count) }, context.CancellationToken);
    }
}

/// <summary>The user's SSH agents, of <c>--ssh</c>.</summary>
internal sealed class SharedAgents(SessionOffer offer) : SSH.SSHBase
{
    private const string IdHeader = "buildkit.ssh.id", DefaultId = "default";

    public override Task<CheckAgentResponse> CheckAgent(CheckAgentRequest request, ServerCallContext context)
    {
        SocketOf(request.Id);
        return Task.FromResult(new CheckAgentResponse());
    }

    private string SocketOf(string id) => offer.Agents.GetValueOrDefault(id.Length > 0 ? id : DefaultId) ?? throw new RpcException(new Status(StatusCode.NotFound, $"unset ssh forward key {id}"));

    public override async Task ForwardAgent(IAsyncStreamReader<BytesMessage> requestStream, IServerStreamWriter<BytesMessage> responseStream, ServerCallContext context)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketOf(context.RequestHeaders.GetValue(IdHeader) ?? "")), context.CancellationToken);
        await using var agent = new NetworkStream(socket);
        var asking = AskAsync(requestStream, socket, agent, context.CancellationToken);
        var buffer = new byte[32 << 10];
        int count;
        while ((count = await agent.ReadAsync(buffer, context.CancellationToken)) > 0)
            await responseStream.WriteAsync(new BytesMessage { Data = ByteString.CopyFrom(buffer, 0, count) }, context.CancellationToken);
        await asking;
    }

    private static async Task AskAsync(IAsyncStreamReader<BytesMessage> requests, Socket socket, NetworkStream agent, CancellationToken cancellation)
    {
        await foreach (var message in requests.ReadAllAsync(cancellation)) await agent.WriteAsync(message.Data.Memory, cancellation);
        socket.Shutdown(SocketShutdown.Send);
    }
}
