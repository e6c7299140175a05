using Grpc.Core;
using Grpc.Net.Client;
using Shouldly;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Gateways;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.BuildKit.Transport;
using Wharf.SystemTests.Fixtures;
using Xunit;
using SolveRequest = Wharf.BuildKit.Protocol.Controls.SolveRequest;

namespace Wharf.SystemTests.Build;

/// <summary>
/// A front end that opens containers over its build's result and asks for more than its client allowed (CVE-2024-23653): each is refused before anything of it runs.
/// The front end is this test: it speaks to the gateway itself.
/// </summary>
public sealed class GatewayEntitlementTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Dockerfile = "FROM busybox\nRUN echo made > /made\n";
    private readonly string _build = Guid.NewGuid().ToString("n");
    private readonly CancellationTokenSource _over = new();
    private UpgradedSocket? _socket;
    private GrpcChannel? _channel;
    private HostileSession? _session;
    private Task _solving = Task.CompletedTask;
    private GatewayClient _gateway = null!;
    private string _result = "";

    public async ValueTask InitializeAsync()
    {
        _session = await HostileSession.OpenAsync(engine.SocketPath, Dockerfile, static (asked, answer, _) => HostileSession.HonestAsync([], asked, answer));
        _socket = await UpgradedSocket.OpenAsync(engine.SocketPath, "/grpc");
        var stream = new DuplexStream(_socket.Input.AsStream(), _socket.Stream);
        _channel = GrpcChannel.ForAddress("http://engine", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(stream), UseProxy = false }, DisposeHttpClient = true });
        // No entitlement is asked for, and the build is the client's to steer: it lasts until the client returns a result or leaves.
        _solving = new Control.ControlClient(_channel).SolveAsync(new SolveRequest { Ref = _build, Session = _session.Id, Cache = new CacheOptions() }, cancellationToken: _over.Token).ResponseAsync;
        _gateway = new GatewayClient(_channel.CreateCallInvoker(), _build);
        var solved = await _gateway.SolveAsync(new Wharf.BuildKit.Protocol.Gateways.SolveRequest { Frontend = "dockerfile.v0", AllowResultReturn = true, AllowResultArrayRef = true, Evaluate = true });
        _result = solved.Result.Ref.Id;
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _solving.ContinueWith(static task => task.Exception, TaskScheduler.Default);
        _channel?.Dispose();
        if (_socket is not null) await _socket.DisposeAsync();
        if (_session is not null) await _session.DisposeAsync();
        _over.Dispose();
    }

    private async Task OpenAsync(string id, NetMode network) => await _gateway.NewContainerAsync(
        new NewContainerRequest { ContainerId = id, Network = network, Mounts = { new Mount { Dest = "/", ResultId = _result } } });

    /// <summary>Runs one process in a container; gives what it wrote and how it ended.</summary>
    private async Task<(string Output, ExitMessage Exit)> RunAsync(string container, SecurityMode security, string command)
    {
        using var call = _gateway.ExecProcess();
        await call.RequestStream.WriteAsync(new ExecMessage
        {
            ProcessId = "p-" + Guid.NewGuid().ToString("n"),
            Init = new InitMessage { ContainerId = container, Security = security, Fds = { 1, 2 }, Meta = new Meta { Args = { "/bin/sh", "-c", command }, Cwd = "/", Env = { "PATH=/bin" } } },
        });
        var output = "";
        var exit = new ExitMessage();
        while (await call.ResponseStream.MoveNext(default))
        {
            var message = call.ResponseStream.Current;
            if (message.InputCase == ExecMessage.InputOneofCase.File) output += message.File.Data.ToStringUtf8();
            if (message.InputCase == ExecMessage.InputOneofCase.Exit) exit = message.Exit;
            if (message.InputCase == ExecMessage.InputOneofCase.Done) break;
        }
        await call.RequestStream.CompleteAsync();
        return (output, exit);
    }

    [Theory]
    [InlineData(NetMode.Host, SecurityMode.Sandbox, "network.host is not allowed")]
    [InlineData(NetMode.Unset, SecurityMode.Insecure, "security.insecure is not allowed")]
    [InlineData(NetMode.Host, SecurityMode.Insecure, " is not allowed")]
    internal async Task More_than_the_client_allowed_is_refused_and_nothing_of_it_runs(NetMode network, SecurityMode security, string refusal)
    {
        (await RefusalAsync("greedy", network, security)).ShouldContain(refusal);
        // What is allowed goes on: with the build's result, in a network of its own and with few capabilities.
        await OpenAsync("modest", NetMode.None);
        var (output, exit) = await RunAsync("modest", SecurityMode.Sandbox, "cat /made; ls /sys/class/net; test ! -e /left && grep CapEff /proc/self/status");
        exit.Code.ShouldBe(0u, exit.Error?.Message);
        var lines = output.TrimEnd().Split('\n');
        lines[..2].ShouldBe(["made", "lo"]);
        lines[2].ShouldStartWith("CapEff:");
        lines[2].ShouldNotContain("ffffffff");
    }

    /// <summary>Opens a container and runs a process; one of the two must be refused. BuildKit looks at a network when the process comes.</summary>
    private async Task<string> RefusalAsync(string container, NetMode network, SecurityMode security)
    {
        try { await OpenAsync(container, network); }
        catch (RpcException refused) { return refused.Status.Detail; }
        if (engine.IsWharf) network.ShouldNotBe(NetMode.Host, "a container that is not allowed is none");
        var (output, exit) = await RunAsync(container, security, "echo ran; echo left > /left");
        output.ShouldBe("");
        return exit.Error?.Message ?? "";
    }
}
