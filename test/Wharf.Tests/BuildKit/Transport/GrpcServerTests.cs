using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.BuildKit.Transport;
using Xunit;

namespace Wharf.Tests.BuildKit.Transport;

/// <summary>The gRPC server with .NET's own client at the other end of two pipes.</summary>
public sealed class GrpcServerTests : IAsyncLifetime
{
    private const int Limit = 4 << 20;

    private readonly Pipe _up = new(), _down = new();
    private readonly Answers _answers = new();
    private readonly GrpcServer _server;
    private readonly SocketsHttpHandler _handler;
    private readonly GrpcChannel _channel;
    private Task _serving = Task.CompletedTask;

    public GrpcServerTests()
    {
        var services = new GrpcServices();
        services.Add("grpc.health.v1.Health", binder => Health.BindService(binder, _answers));
        services.Add("moby.upload.v1.Upload", static binder => Upload.BindService(binder, new Echo()));
        _server = new GrpcServer(NullLoggerFactory.Instance, services, Limit);
        _handler = new SocketsHttpHandler { ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(new DuplexStream(_down.Reader.AsStream(), _up.Writer.AsStream())) };
        _channel = GrpcChannel.ForAddress("http://server", new GrpcChannelOptions { HttpHandler = _handler, DisposeHttpClient = true, MaxReceiveMessageSize = null, MaxSendMessageSize = null });
    }

    public ValueTask InitializeAsync()
    {
        _serving = ServeAsync();
        return ValueTask.CompletedTask;

        // As the server that lent the connection does.
        async Task ServeAsync()
        {
            await _server.ServeAsync(new UpgradedConnection(_up.Reader, _down.Writer.AsStream()), CancellationToken.None);
            await _up.Reader.CompleteAsync();
            await _down.Writer.CompleteAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _up.Writer.CompleteAsync();
        await _server.DisposeAsync();
        await _serving;
    }

    private sealed class Answers : Health.HealthBase
    {
        public Func<ServerCallContext, Task<HealthCheckResponse>> Answer { get; set; } = static _ => Task.FromResult(new HealthCheckResponse());

        public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) => Answer(context);
    }

    private sealed class Echo : Upload.UploadBase
    {
        public override async Task Pull(IAsyncStreamReader<BytesMessage> requestStream, IServerStreamWriter<BytesMessage> responseStream, ServerCallContext context)
        {
            while (await requestStream.MoveNext(context.CancellationToken)) await responseStream.WriteAsync(requestStream.Current, context.CancellationToken);
        }
    }

    private Task<HealthCheckResponse> CheckAsync(CallOptions options = default) => new Health.HealthClient(_channel).CheckAsync(new HealthCheckRequest(), options).ResponseAsync;

    [Fact]
    public async Task An_error_comes_with_its_text_and_its_trailers()
    {
        var bytes = new byte[] { 0, 1, 0xff, 7 };
        _answers.Answer = _ => throw new RpcException(new Status(StatusCode.NotFound, "50 % of ü\nare gone"), new Metadata { { "details-bin", bytes }, { "plain", "text" } });
        var error = await Should.ThrowAsync<RpcException>(() => CheckAsync());
        error.Status.ShouldSatisfyAllConditions(status => status.StatusCode.ShouldBe(StatusCode.NotFound), status => status.Detail.ShouldBe("50 % of ü\nare gone"));
        error.Trailers.GetValueBytes("details-bin").ShouldBe(bytes);
        error.Trailers.GetValue("plain").ShouldBe("text");
    }

    [Fact]
    public async Task What_a_method_throws_is_not_told()
    {
        _answers.Answer = static _ => throw new InvalidOperationException("inner workings");
        var error = await Should.ThrowAsync<RpcException>(() => CheckAsync());
        error.StatusCode.ShouldBe(StatusCode.Unknown);
        error.Message.ShouldNotContain("inner workings");
        _answers.Answer = static _ => Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
        (await CheckAsync()).Status.ShouldBe(HealthCheckResponse.Types.ServingStatus.Serving);
    }

    [Fact]
    public async Task A_method_that_is_not_offered_is_unimplemented() =>
        (await Should.ThrowAsync<RpcException>(() => new Auth.AuthClient(_channel).CredentialsAsync(new CredentialsRequest()).ResponseAsync)).StatusCode.ShouldBe(StatusCode.Unimplemented);

    [Fact]
    public async Task Headers_come_one_by_one_and_binary_ones_as_bytes()
    {
        Metadata? seen = null;
        _answers.Answer = context =>
        {
            seen = context.RequestHeaders;
            return Task.FromResult(new HealthCheckResponse());
        };
        await CheckAsync(new CallOptions(new Metadata { { "name", "value" }, { "some-bin", "\u00fe\u0001"u8.ToArray() } }));
        seen!.GetValue("name").ShouldBe("value");
        seen!.GetValueBytes("some-bin").ShouldBe("\u00fe\u0001"u8.ToArray());
        seen!.Any(static entry => entry.Key.StartsWith("grpc-", StringComparison.Ordinal)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_deadline_ends_the_method()
    {
        // The connection is there before the time begins.
        await CheckAsync();
        var ended = new TaskCompletionSource();
        _answers.Answer = async context =>
        {
            context.Deadline.ShouldBeLessThan(DateTime.UtcNow.AddMinutes(1));
            try { await Task.Delay(Timeout.Infinite, context.CancellationToken); }
            finally { ended.SetResult(); }
            return new HealthCheckResponse();
        };
        (await Should.ThrowAsync<RpcException>(() => CheckAsync(new CallOptions(deadline: DateTime.UtcNow.AddSeconds(1))))).StatusCode.ShouldBe(StatusCode.DeadlineExceeded);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Messages_larger_than_a_window_go_both_ways_in_their_order()
    {
        using var call = new Upload.UploadClient(_channel).Pull(cancellationToken: TestContext.Current.CancellationToken);
        var messages = Enumerable.Range(0, 4).Select(number => new BytesMessage { Data = ByteString.CopyFrom(Enumerable.Repeat((byte)number, number == 1 ? 0 : (3 << 20) + number).ToArray()) }).ToList();
        var sending = Task.Run(async () =>
        {
            foreach (var message in messages) await call.RequestStream.WriteAsync(message);
            await call.RequestStream.CompleteAsync();
        });
        var received = new List<BytesMessage>();
        await foreach (var message in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)) received.Add(message);
        await sending;
        received.ShouldBe(messages);
    }

    [Fact]
    public async Task A_message_over_the_limit_is_refused()
    {
        // Its length alone: Kestrel drains the rest for five seconds, which a busy machine may need longer for.
        var head = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(1), Limit + 1);
        using var client = new HttpClient(_handler, disposeHandler: false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://server/moby.upload.v1.Upload/Pull")
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(head) { Headers = { ContentType = new("application/grpc") } },
        };
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        await response.Content.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        response.Headers.Concat(response.TrailingHeaders).Single(static header => header.Key == "grpc-status").Value.ShouldBe([$"{(int)StatusCode.ResourceExhausted}"]);
    }

    [Theory]
    [InlineData("5S", 5_000.0)]
    [InlineData("250m", 250.0)]
    [InlineData("1500u", 1.5)]
    [InlineData("2000000n", 2.0)]
    [InlineData("1M", 60_000.0)]
    [InlineData("99999999H", 3.0 * 7 * 24 * 3600 * 1000)]
    [InlineData("", null)]
    [InlineData("S", null)]
    [InlineData("-5S", null)]
    [InlineData("123456789S", null)]
    [InlineData("5x", null)]
    public void A_timeout_is_read(string text, double? milliseconds) => (GrpcText.ParseTimeout(text)?.TotalMilliseconds).ShouldBe(milliseconds);
}
