using System.Net.Sockets;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>What a build asks of its client beside files: credentials, secrets, and the SSH agent.</summary>
/// <param name="session">Null for a build without one: then there is nothing to ask.</param>
internal sealed class SessionServices(ClientSession? session, string directory) : IAsyncDisposable
{
    private readonly List<SshRelay> _relays = [];

    /// <summary>The client's credentials of a registry; null when it has none.</summary>
    public async Task<AuthConfig?> CredentialsAsync(string domain, CancellationToken cancellation)
    {
        if (session?.Offers("/moby.filesync.v1.Auth/Credentials") != true) return null;
        var host = domain == ImageReference.DefaultDomain ? "registry-1.docker.io" : domain;
        var answer = await CallAsync(() => new Auth.AuthClient(session.Calls).CredentialsAsync(new CredentialsRequest { Host = host }, cancellationToken: cancellation));
        if (answer is null || (answer.Username.Length == 0 && answer.Secret.Length == 0)) return null;
        return answer.Username.Length == 0
            ? new AuthConfig { IdentityToken = answer.Secret, Serveraddress = domain }
            : new AuthConfig { Username = answer.Username, Password = answer.Secret, Serveraddress = domain };
    }

    public async Task<byte[]?> SecretAsync(string id, CancellationToken cancellation)
    {
        if (session?.Offers("/moby.buildkit.secrets.v1.Secrets/GetSecret") != true) return null;
        var answer = await CallAsync(() => new Secrets.SecretsClient(session.Calls).GetSecretAsync(new GetSecretRequest { Id = id }, cancellationToken: cancellation));
        return answer?.Data.ToByteArray();
    }

    /// <summary>The path of a socket that leads to the client's agent; null when it forwards none of that ID.</summary>
    public async Task<string?> AgentAsync(string id, CancellationToken cancellation)
    {
        if (session?.Offers("/moby.sshforward.v1.SSH/CheckAgent") != true) return null;
        try
        {
            await new SSH.SSHClient(session.Calls).CheckAgentAsync(new CheckAgentRequest { Id = id }, cancellationToken: cancellation);
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.NotFound or StatusCode.Unknown or StatusCode.Unimplemented)
        {
            return null;
        }
        lock (_relays)
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var relay = new SshRelay(session, id, Path.Combine(directory, $"agent{_relays.Count}"));
            _relays.Add(relay);
            return relay.Path;
        }
    }

    /// <summary>Null when the client says that it has no such thing.</summary>
    private static async Task<T?> CallAsync<T>(Func<AsyncUnaryCall<T>> call) where T : class
    {
        try
        {
            return await call();
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.NotFound or StatusCode.Unimplemented)
        {
            return null;
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.Unavailable)
        {
            throw WharfException.Unavailable($"the client's session has ended: {error.Status.Detail}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var relay in _relays) await relay.DisposeAsync();
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    /// <summary>A unix socket of the daemon's whose connections go on to the agent of the client.</summary>
    private sealed class SshRelay : IAsyncDisposable
    {
        /// <summary>What a step may have open at once; more wait in the socket's queue.</summary>
        private const int MaxConnections = 64;

        private readonly SemaphoreSlim _free = new(MaxConnections, MaxConnections);
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly CancellationTokenSource _over = new();
        private readonly ClientSession _session;
        private readonly string _id;
        private readonly Task _accepting;

        public SshRelay(ClientSession session, string id, string path)
        {
            (_session, _id, Path) = (session, id, path);
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(16);
            _accepting = AcceptAsync();
        }

        public string Path { get; }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    await _free.WaitAsync(_over.Token);
                    _ = RelayAsync(await AcceptOneAsync());
                }
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The build is over.
            }
        }

        private async Task<Socket> AcceptOneAsync()
        {
            try
            {
                return await _listener.AcceptAsync(_over.Token);
            }
            catch
            {
                _free.Release();
                throw;
            }
        }

        private async Task RelayAsync(Socket socket)
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            try
            {
                using var call = new SSH.SSHClient(_session.Calls).ForwardAgent(new Metadata { { "buildkit.ssh.id", _id } }, cancellationToken: _over.Token);
                var up = UpAsync(stream, call.RequestStream);
                await foreach (var message in call.ResponseStream.ReadAllAsync(_over.Token)) await stream.WriteAsync(message.Data.Memory, _over.Token);
                socket.Shutdown(SocketShutdown.Send);
                await up;
            }
            catch (Exception error) when (error is RpcException or IOException or OperationCanceledException or SocketException)
            {
                // The process in the build sees its connection to the agent end; that is all it can be told.
            }
            finally { _free.Release(); }
        }

        private async Task UpAsync(NetworkStream stream, IClientStreamWriter<BytesMessage> agent)
        {
            var buffer = new byte[32 << 10];
            int count;
            while ((count = await stream.ReadAsync(buffer, _over.Token)) > 0)
                await agent.WriteAsync(new BytesMessage { Data = Google.Protobuf.ByteString.CopyFrom(buffer.AsSpan(0, count)) }, _over.Token);
            await agent.CompleteAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            _listener.Dispose();
            await _accepting;
            for (int i = 0; i < MaxConnections; i++) await _free.WaitAsync();
            _free.Dispose();
            _over.Dispose();
        }
    }
}
