using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Shouldly;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.BuildKit.Transport;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>
/// Requests to BuildKit's services that no client of ours makes (CVE-2024-23650, CVE-2024-36620 and its kin: panics; CVE-2024-23653: more than was granted):
/// each is refused, and the next client is served.
/// </summary>
public sealed class HostileControlTests(EngineFixture engine) : IAsyncLifetime
{
    private UpgradedSocket? _socket;
    private GrpcChannel? _channel;
    private Control.ControlClient _control = null!;

    public async ValueTask InitializeAsync()
    {
        _socket = await UpgradedSocket.OpenAsync(engine.SocketPath, "/grpc");
        var stream = new DuplexStream(_socket.Input.AsStream(), _socket.Stream);
        _channel = GrpcChannel.ForAddress("http://engine", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(stream), UseProxy = false }, DisposeHttpClient = true });
        _control = new Control.ControlClient(_channel);
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        if (_socket is not null) await _socket.DisposeAsync();
    }

    private static SolveRequest Solve(Action<SolveRequest> change)
    {
        var request = new SolveRequest { Ref = Guid.NewGuid().ToString("n"), Session = "none", Frontend = "dockerfile.v0", Cache = new CacheOptions() };
        change(request);
        return request;
    }

    private static Definition Graph(params byte[][] operations) => new() { Def = { operations.Select(ByteString.CopyFrom) } };

    /// <summary>Operations of BuildKit's graphs by their numbers: what a front end of a client's own would send.</summary>
    private static byte[] Operation(int field, params byte[] message) => [(byte)(field << 3 | 2), (byte)message.Length, .. message];

    public static TheoryData<string> Requests => [.. Hostile.Keys];

    private static readonly Dictionary<string, Func<SolveRequest>> Hostile = new()
    {
        ["nothing"] = static () => new SolveRequest(),
        ["no session"] = static () => Solve(static request => request.Session = ""),
        ["unknown session"] = static () => Solve(static _ => { }),
        ["unknown front end"] = static () => Solve(static request => request.Frontend = "../../evil"),
        ["a front end's image"] = static () => Solve(static request => { request.Frontend = "gateway.v0"; request.FrontendAttrs["source"] = "127.0.0.1:1/evil:1"; }),
        ["a graph of garbage"] = static () => Solve(static request => { request.Frontend = ""; request.Definition = Graph([0xff, 0xff, 0xff], []); }),
        ["a graph that runs"] = static () => Solve(static request => { request.Frontend = ""; request.Definition = Graph(Operation(2, Operation(1, Operation(1, (byte)'x'))), []); }),
        ["an empty graph"] = static () => Solve(static request => { request.Frontend = ""; request.Definition = new Definition { Def = { ByteString.Empty } }; }),
        ["inputs of garbage"] = static () => Solve(static request => { request.FrontendAttrs["context:x"] = "input:x"; request.FrontendInputs["x"] = Graph([0xff, 0x01]); }),
        ["a platform of garbage"] = static () => Solve(static request => request.FrontendAttrs["platform"] = "/////,\0"),
        ["numbers of garbage"] = static () => Solve(static request => { request.FrontendAttrs["shm-size"] = "99999999999999999999"; request.FrontendAttrs["ulimit"] = "="; request.FrontendAttrs["add-hosts"] = ","; }),
        ["a file name out"] = static () => Solve(static request => request.FrontendAttrs["filename"] = "../../../../etc/passwd"),
        ["an entitlement"] = static () => Solve(static request => request.Entitlements.Add("security.insecure")),
        ["an entitlement with a value"] = static () => Solve(static request => request.Entitlements.Add("security.insecure=1,network.host")),
        ["an unknown exporter"] = static () => Solve(static request => request.Exporters.Add(new Exporter { Type = "../x" })),
        ["an exporter without attributes"] = static () => Solve(static request => request.Exporters.Add(new Exporter { Type = "local" })),
        ["an unknown cache"] = static () => Solve(static request => request.Cache.Exports.Add(new CacheOptionsEntry { Type = "" })),
        ["a cache of the daemon's files"] = static () => Solve(static request => request.Cache.Imports.Add(new CacheOptionsEntry { Type = "local", Attrs = { ["src"] = "/etc", ["digest"] = "sha256:../../../etc/passwd" } })),
        ["a long name"] = static () => Solve(static request => request.FrontendAttrs[new string('x', 1 << 20)] = new string('y', 1 << 20)),
        ["a layout"] = static () => Solve(static request => request.FrontendAttrs["context:x"] = "oci-layout://../../etc@sha256:" + new string('0', 64)),
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_that_is_none_is_refused_and_the_next_is_served(string name)
    {
        var error = await Should.ThrowAsync<RpcException>(async () => await _control.SolveAsync(Hostile[name](), deadline: DateTime.UtcNow.AddSeconds(60)));
        error.StatusCode.ShouldNotBe(StatusCode.DeadlineExceeded);
        await ServesAsync();
    }

    private async Task ServesAsync() => (await _control.InfoAsync(new InfoRequest(), deadline: DateTime.UtcNow.AddSeconds(30))).ShouldNotBeNull();

    [Fact]
    public async Task References_and_filters_are_no_paths_and_no_programs()
    {
        await EndsAsync(async () => await DrainAsync(_control.Status(new StatusRequest { Ref = "../../../etc/passwd" })));
        await EndsAsync(async () => await DrainAsync(_control.Prune(new PruneRequest { Filter = { "nope==1", "id~=(((" }, KeepDuration = long.MaxValue })));
        await EndsAsync(async () => await DrainAsync(_control.Prune(new PruneRequest { Filter = { "id~=(a+)+$" }, ReservedSpace = long.MinValue, MaxUsedSpace = long.MaxValue })));
        await EndsAsync(async () => await _control.DiskUsageAsync(new DiskUsageRequest { Filter = { "", ",,,", "=", "~=" }, AgeLimit = long.MinValue }));
        await EndsAsync(async () => await _control.UpdateBuildHistoryAsync(new UpdateBuildHistoryRequest { Ref = "../../../etc/passwd", Delete = true }));
        await EndsAsync(async () => await _control.UpdateBuildHistoryAsync(new UpdateBuildHistoryRequest { Ref = "\0", Pinned = true }));
        await EndsAsync(async () => await DrainAsync(_control.ListenBuildHistory(new BuildHistoryRequest { Ref = "' or 1=1 --", EarlyExit = true, Limit = -1, Filter = { "x" } })));
        File.Exists("/etc/passwd").ShouldBeTrue();
    }

    /// <summary>Answered or refused, but soon; and the next is served.</summary>
    private async Task EndsAsync(Func<Task> call)
    {
        try
        {
            await call().WaitAsync(CommandResult.Patience(60));
        }
        catch (RpcException error)
        {
            error.StatusCode.ShouldNotBe(StatusCode.Unavailable);
        }
        await ServesAsync();
    }

    private static async Task DrainAsync<T>(AsyncServerStreamingCall<T> call)
    {
        using (call)
            await foreach (var _ in call.ResponseStream.ReadAllAsync()) { }
    }

    /// <summary>Two builds of one reference, and one whose client is gone at once: each ends.</summary>
    [Fact]
    public async Task Builds_that_are_started_twice_or_left_at_once_end()
    {
        var reference = Guid.NewGuid().ToString("n");
        var twice = Enumerable.Range(0, 20).Select(_ => _control.SolveAsync(new SolveRequest { Ref = reference, Session = "none", Frontend = "dockerfile.v0", Cache = new CacheOptions() }).ResponseAsync).ToList();
        foreach (var build in twice) await Should.ThrowAsync<RpcException>(() => build.WaitAsync(CommandResult.Patience(60)));
        for (int i = 0; i < 20; i++)
        {
            using var left = _control.SolveAsync(Solve(static _ => { }));
        }
        await ServesAsync();
    }
}
