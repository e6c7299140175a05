using System.Globalization;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Wharf.BuildKit.Transport;

/// <summary>One call of gRPC: an HTTP/2 request whose body and answer are messages, and whose trailers tell how it ended.</summary>
internal sealed class GrpcCall : ServerCallContext, IDisposable
{
    public const string ContentType = "application/grpc";

    private readonly HttpContext _http;
    private readonly int _limit;
    private readonly CancellationTokenSource _over;
    private Metadata? _headers;

    /// <param name="limit">The longest message that is taken.</param>
    public GrpcCall(HttpContext http, int limit)
    {
        (_http, _limit) = (http, limit);
        _over = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        DeadlineCore = DateTime.MaxValue;
        if (GrpcText.ParseTimeout(http.Request.Headers["grpc-timeout"].ToString()) is not { } timeout) return;
        DeadlineCore = DateTime.UtcNow + timeout;
        _over.CancelAfter(timeout);
    }

    /// <summary>Lets a method answer, and tells the caller how it ended.</summary>
    public async Task RunAsync(Func<GrpcCall, Task>? method, ILogger log)
    {
        _http.Response.ContentType = ContentType;
        try
        {
            if (method is null) throw new RpcException(new Status(StatusCode.Unimplemented, $"unknown method {MethodCore}"));
            await method(this);
        }
        catch (RpcException error)
        {
            StatusCore = error.Status;
            foreach (var trailer in error.Trailers) ResponseTrailersCore.Add(trailer);
        }
        catch (Exception error) when (_over.IsCancellationRequested && error is OperationCanceledException or IOException)
        {
            // A timer may be a moment ahead of the clock: whoever has not left is out of time.
            StatusCore = _http.RequestAborted.IsCancellationRequested ? new Status(StatusCode.Cancelled, "context canceled") : new Status(StatusCode.DeadlineExceeded, "context deadline exceeded");
        }
#pragma warning disable CA1031 // Whatever a method throws ends this call and no more.
        catch (Exception error)
#pragma warning restore CA1031
        {
            log.CallFailed(MethodCore, error);
            StatusCore = new Status(StatusCode.Unknown, "Exception was thrown by handler.");
        }
        if (!_http.RequestAborted.IsCancellationRequested) End();
    }

    /// <summary>An error without a message before it is told in the headers, which then are the trailers too.</summary>
    private void End()
    {
        bool only = StatusCore.StatusCode != StatusCode.OK && !_http.Response.HasStarted;
        Tell("grpc-status", ((int)StatusCore.StatusCode).ToString(CultureInfo.InvariantCulture));
        if (StatusCore.Detail is { Length: > 0 } detail) Tell("grpc-message", GrpcText.Escape(detail));
        foreach (var trailer in ResponseTrailersCore) Tell(trailer.Key, Text(trailer));

        void Tell(string name, string value)
        {
            if (only) _http.Response.Headers.Append(name, value);
            else _http.Response.AppendTrailer(name, value);
        }
    }

    private static string Text(Metadata.Entry entry) => entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;

    /// <summary>The next message; null when the caller has ended.</summary>
    public async ValueTask<T?> ReadAsync<T>(Marshaller<T> marshaller, CancellationToken cancellation) where T : class
    {
        using var either = cancellation.CanBeCanceled && cancellation != _over.Token ? CancellationTokenSource.CreateLinkedTokenSource(cancellation, _over.Token) : null;
        var body = _http.Request.BodyReader;
        while (true)
        {
            var result = await body.ReadAsync(either?.Token ?? _over.Token);
            var buffer = result.Buffer;
            if (GrpcFrame.TryTake(ref buffer, _limit, out var message))
            {
                var read = GrpcFrame.Read(marshaller, message);
                body.AdvanceTo(buffer.Start);
                return read;
            }
            if (result.IsCompleted) return buffer.IsEmpty ? null : throw new RpcException(new Status(StatusCode.Internal, "a message ends before its end"));
            body.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    /// <summary>Writes a message, which goes out with the next flush or the end.</summary>
    public void Write<T>(Marshaller<T> marshaller, T message) => GrpcFrame.Write(_http.Response.BodyWriter, marshaller, message);

    public async Task FlushAsync() => await _http.Response.BodyWriter.FlushAsync(_over.Token);

    protected override string MethodCore => _http.Request.Path.Value ?? "";
    protected override string HostCore => _http.Request.Host.Value ?? "";
    protected override string PeerCore => "unix:";
    protected override DateTime DeadlineCore { get; }
    protected override CancellationToken CancellationTokenCore => _over.Token;
    protected override Metadata RequestHeadersCore => _headers ??= GrpcText.ReadHeaders(_http.Request.Headers);
    protected override Metadata ResponseTrailersCore { get; } = [];
    protected override Status StatusCore { get; set; } = Status.DefaultSuccess;
    protected override WriteOptions? WriteOptionsCore { get; set; }
    protected override AuthContext AuthContextCore { get; } = new(null, []);

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        foreach (var entry in responseHeaders) _http.Response.Headers.Append(entry.Key, Text(entry));
        return _http.Response.StartAsync(_over.Token);
    }

    public void Dispose() => _over.Dispose();
}
