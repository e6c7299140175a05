using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.BuildKit.Transport;

namespace Wharf.SystemTests.Build;

/// <summary>What a client answers when the engine asks it for its context: packets as the test likes.</summary>
internal delegate Task AnswerFiles(IAsyncStreamReader<Packet> asked, IServerStreamWriter<Packet> answer, CancellationToken cancellation);

/// <summary>
/// A client of BuildKit's protocol that is not to be trusted: its session gives an honest Dockerfile, and everything else as the test says.
/// </summary>
internal sealed class HostileSession : IAsyncDisposable
{
    private const string FilesMethod = "/moby.filesync.v1.FileSync/DiffCopy", SecretsMethod = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

    private readonly GrpcServer _server;
    private UpgradedSocket? _socket;
    private Task _serving = Task.CompletedTask;

    private HostileSession(string? dockerfile, AnswerFiles files, Func<byte[]> secret)
    {
        var services = new GrpcServices();
        services.Add("moby.filesync.v1.FileSync", binder => FileSync.BindService(binder, new Files(dockerfile, files)));
        services.Add("moby.buildkit.secrets.v1.Secrets", binder => Secrets.BindService(binder, new SecretValues(secret)));
        _server = new GrpcServer(NullLoggerFactory.Instance, services);
    }

    public string Id { get; } = Guid.NewGuid().ToString("n");

    /// <param name="dockerfile">Null for a client that is not honest about it either.</param>
    public static async Task<HostileSession> OpenAsync(string socketPath, string? dockerfile, AnswerFiles files, Func<byte[]>? secret = null, string sharedKey = "")
    {
        var session = new HostileSession(dockerfile, files, secret ?? (static () => []));
        await session._server.EnsureStartedAsync(default);
        session._socket = await UpgradedSocket.OpenAsync(socketPath, "/session", $"X-Docker-Expose-Session-Uuid: {session.Id}", "X-Docker-Expose-Session-Name: hostile", $"X-Docker-Expose-Session-Sharedkey: {sharedKey}",
            $"X-Docker-Expose-Session-Grpc-Method: {FilesMethod}", $"X-Docker-Expose-Session-Grpc-Method: {SecretsMethod}");
        session._serving = session._server.ServeAsync(new UpgradedConnection(session._socket.Input, session._socket.Stream), default);
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        if (_socket is not null) await _socket.DisposeAsync();
        await _server.DisposeAsync();
        await _serving.ContinueWith(static task => task.Exception, TaskScheduler.Default);
    }

    private sealed class SecretValues(Func<byte[]> value) : Secrets.SecretsBase
    {
        public override Task<GetSecretResponse> GetSecret(GetSecretRequest request, ServerCallContext context) => Task.FromResult(new GetSecretResponse { Data = ByteString.CopyFrom(value()) });
    }

    private sealed class Files(string? dockerfile, AnswerFiles context) : FileSync.FileSyncBase
    {
        public override async Task DiffCopy(IAsyncStreamReader<Packet> requestStream, IServerStreamWriter<Packet> responseStream, ServerCallContext call)
        {
            bool honest = call.RequestHeaders.GetValue("dir-name") == "dockerfile" && dockerfile is not null;
            bool ignoreFile = dockerfile is not null && call.RequestHeaders.GetAll("include-patterns").Any(static pattern => pattern.Value.Contains("dockerignore", StringComparison.Ordinal));
            if (honest || ignoreFile) await HonestAsync(honest ? [("Dockerfile", dockerfile!)] : [], requestStream, responseStream);
            else await context(requestStream, responseStream, call.CancellationToken);
        }
    }

    /// <summary>Gives files as a client should.</summary>
    public static async Task HonestAsync(IReadOnlyList<(string Name, string Text)> files, IAsyncStreamReader<Packet> asked, IServerStreamWriter<Packet> answer)
    {
        foreach (var (name, text) in files) await answer.WriteAsync(new Packet { Stat = new Stat { Path = name, Mode = 0x1a4, Size = text.Length, ModTime = DateTime.UtcNow.Ticks } });
        await answer.WriteAsync(new Packet());
        while (await asked.MoveNext(default))
        {
            if (asked.Current.Type == Packet.Types.PacketType.Fin) break;
            uint id = asked.Current.Id;
            await answer.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id, Data = ByteString.CopyFromUtf8(files[(int)id].Text) });
            await answer.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id });
        }
        await answer.WriteAsync(new Packet { Type = Packet.Types.PacketType.Fin });
    }
}
