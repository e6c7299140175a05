using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using Wharf.BuildKit.Protocol.Contents;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.BuildKit.Transport;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Building.Sessions;

/// <summary>
/// What this client lends the builder while it builds: directories, credentials, secrets, agents, and places for results. The connection is ours, the
/// calls on it are the builder's.
/// </summary>
internal sealed class BuildSession : IAsyncDisposable
{
    private readonly GrpcServer server;
    private readonly string[] methods;
    private HijackedStream? connection;
    private Task serving = Task.CompletedTask;

    public BuildSession(SessionOffer offer)
    {
        methods = [.. offer.Methods];
        var services = new GrpcServices();
        services.Add("moby.filesync.v1.FileSync", binder => FileSync.BindService(binder, new SharedDirectories(offer)));
        services.Add("moby.filesync.v1.FileSend", binder => ResultTargetsBase.BindService(binder, new ResultTargets(offer)));
        services.Add("moby.filesync.v1.Auth", binder => Auth.BindService(binder, new SharedCredentials(offer)));
        services.Add("moby.buildkit.secrets.v1.Secrets", binder => Secrets.BindService(binder, new SharedSecrets(offer)));
        services.Add("moby.sshforward.v1.SSH", binder => SSH.BindService(binder, new SharedAgents(offer)));
        services.Add("moby.upload.v1.Upload", binder => Upload.BindService(binder, new SharedInput(offer)));
        services.Add("containerd.services.content.v1.Content", binder => Content.BindService(binder, new SharedContent(offer)));
        services.Add("grpc.health.v1.Health", static binder => Health.BindService(binder, new SessionHealth()));
        server = new GrpcServer(NullLoggerFactory.Instance, services);
    }

    public string Id { get; } = Guid.NewGuid().ToString("n")[..25];

    /// <summary>Opens it at the daemon. <paramref name="sharedKey"/> names the directory over several builds, so that only what changed travels.</summary>
    public async Task OpenAsync(DockerClient api, string sharedKey, CancellationToken cancellationToken)
    {
        List<KeyValuePair<string, string>> headers = [new("X-Docker-Expose-Session-Uuid", Id), new("X-Docker-Expose-Session-Name", "wharf"), new("X-Docker-Expose-Session-Sharedkey", sharedKey)];
        headers.AddRange(methods.Select(static method => new KeyValuePair<string, string>("X-Docker-Expose-Session-Grpc-Method", method)));
        var starting = Task.Run(() => server.EnsureStartedAsync(cancellationToken), cancellationToken);
        connection = await api.UpgradeAsync("/session", "h2c", headers, cancellationToken);
        await starting;
        var stream = new UpgradedStream(connection);
        serving = server.ServeAsync(new UpgradedConnection(PipeReader.Create(stream), stream), CancellationToken.None);
    }

    /// <summary>A key for a directory of this user on this machine. The daemon keeps no more of it than a digest: to make that here would load OpenSSL, which takes longer than a build that is all cached.</summary>
    public static string KeyOf(string directory) => Uri.EscapeDataString($"{Environment.MachineName}\n{Environment.UserName}\n{Path.GetFullPath(directory)}");

    public async ValueTask DisposeAsync()
    {
        if (connection is not null) await connection.DisposeAsync();
        await server.DisposeAsync();
        await serving.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
