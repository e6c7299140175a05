using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.BuildKit.Protocol.Contents;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Gateways;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Protocol.Traces;
using Wharf.Daemon.BuildKit.Export;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.History;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.BuildKit.Transport;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit;

/// <summary>
/// BuildKit's two doors in the Engine API: <c>POST /grpc</c>, on which the client calls, and <c>POST /session</c>, on which the daemon does. Both turn
/// the connection into HTTP/2.
/// </summary>
public sealed class BuildKitApi : IAsyncDisposable
{
    private const string Protocol = "h2c";
    private const int MaxMessage = 64 << 20;

    private readonly SessionRegistry _sessions = new();
    private readonly BuildJobs _jobs = new();
    private readonly DirectBuild _direct;
    private readonly GrpcServer _server;

    public BuildKitApi(EngineHost engine, ILoggerFactory logs)
    {
        var locals = new LocalContexts(Path.Combine(engine.Options.DataRoot, "build", "local"));
        engine.Builds.Keep(locals);
        var frontend = new DockerfileFrontend(engine.Builds, _sessions, locals, _jobs.FindReference);
        var history = new HistoryStore(engine);
        var exports = new ExportService(engine.Builds);
        _direct = new DirectBuild(engine, _sessions, frontend, exports, history);
        var services = new GrpcServices();
        services.Add("moby.buildkit.v1.Control", binder => Control.BindService(binder, new ControlService(engine, _jobs, _sessions, frontend, exports, history)));
        services.Add("moby.buildkit.v1.frontend.LLBBridge", binder => LLBBridge.BindService(binder, new LlbBridgeService(engine, _jobs, frontend)));
        services.Add("containerd.services.content.v1.Content", binder => Content.BindService(binder, new ContentService(engine.Images, history)));
        services.Add("grpc.health.v1.Health", static binder => Health.BindService(binder, new HealthService()));
        services.Add("opentelemetry.proto.collector.trace.v1.TraceService", static binder => TraceService.BindService(binder, new TraceCollector()));
        _server = new GrpcServer(logs, services, MaxMessage);
    }

    public void Map(ApiRouter router)
    {
        router.Post("/grpc", ServeAsync);
        router.Post("/session", SessionAsync);
    }

    /// <summary>A build by the Engine API's own endpoint, with this builder.</summary>
    internal Task BuildAsync(ApiContext context) => _direct.RunAsync(context);

    /// <summary>Ends the build that came with this <c>buildid</c>; one that is not there has ended.</summary>
    internal void Cancel(string id) => _direct.Cancel(id);

    private const string NoProtocol = "no upgrade proto in request";

    private static async Task<HijackedConnection> UpgradeAsync(ApiContext context)
    {
        var protocol = context.Http.Request.Headers.Upgrade.ToString();
        if (protocol.Length == 0) throw WharfException.Invalid(NoProtocol);
        if (protocol != Protocol) throw WharfException.Invalid($"protocol {protocol} not supported");
        HijackedConnection.Prepare(context);
        return await HijackedConnection.UpgradeAsync(context, protocol);
    }

    /// <summary>Serves a connection of the builder's own sockets, on which gRPC is spoken from the first byte; its sessions come as calls.</summary>
    internal Task ServeAsync(ConnectionContext connection) => _server.ServeAsync(new UpgradedConnection(connection.Transport.Input, connection.Transport.Output.AsStream()), CancellationToken.None);

    private async Task ServeAsync(ApiContext context)
    {
        await using var connection = await UpgradeAsync(context);
        await _server.ServeAsync(new UpgradedConnection(connection.Reader, connection.Output), CancellationToken.None);
    }

    private async Task SessionAsync(ApiContext context)
    {
        var headers = context.Http.Request.Headers;
        if (headers.Upgrade.Count == 0) throw WharfException.Invalid(NoProtocol);
        var id = headers[ClientSession.IdHeader].ToString();
        if (id.Length == 0) throw WharfException.Invalid(ClientSession.NoId);
        var sharedKey = headers[ClientSession.SharedKeyHeader].ToString();
        var methods = headers[ClientSession.MethodHeader].Where(static method => method is not null).Select(static method => method!);
        await using var connection = await UpgradeAsync(context);
        await using var session = new ClientSession(id, sharedKey, methods, new Wharf.BuildKit.Transport.DuplexStream(connection.Input, connection.Output));
        await _sessions.ServeAsync(session, CancellationToken.None);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
