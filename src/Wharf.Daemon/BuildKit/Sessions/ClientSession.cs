using System.Net.Http;
using Grpc.Core;
using Grpc.Net.Client;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Transport;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>
/// A client that lends its services to the daemon while it builds: files, credentials, secrets, agents. The connection came from the client;
/// on it the daemon is the one that calls.
/// </summary>
internal sealed class ClientSession : IAsyncDisposable
{
    /// <summary>By which the client tells of itself, as headers of HTTP or as a call's metadata.</summary>
    public const string IdHeader = "x-docker-expose-session-uuid", SharedKeyHeader = "x-docker-expose-session-sharedkey", MethodHeader = "x-docker-expose-session-grpc-method";

    public const string NoId = "the session has no ID: header X-Docker-Expose-Session-Uuid is missing";

    /// <summary>Of one message of the client's, as BuildKit has it: what is larger comes in several, and a secret is no file.</summary>
    private const int MaxMessage = 16 << 20;

    private readonly GrpcChannel _channel;
    private readonly EndOfStream _stream;
    private readonly HashSet<string> _methods;
    private int _connected;

    public ClientSession(string id, string sharedKey, IEnumerable<string> methods, Stream stream)
    {
        (Id, SharedKey) = (id, sharedKey.Length == 0 ? "" : Specs.Image.Digest.OfBytes(System.Text.Encoding.UTF8.GetBytes(sharedKey)).Hex);
        _methods = new HashSet<string>(methods, StringComparer.OrdinalIgnoreCase);
        _stream = new EndOfStream(stream);
        _channel = GrpcChannel.ForAddress("http://session", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = (_, _) => Interlocked.Exchange(ref _connected, 1) == 0 ? ValueTask.FromResult<Stream>(_stream) : throw new IOException("the client's session has ended"),
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan, PooledConnectionLifetime = Timeout.InfiniteTimeSpan, UseProxy = false, UseCookies = false,
            },
            DisposeHttpClient = true, MaxReceiveMessageSize = MaxMessage, MaxSendMessageSize = null,
        });
        Calls = _channel.CreateCallInvoker();
    }

    public string Id { get; }
    /// <summary>Names the client's files over several builds, so that what did not change need not travel again: a digest of what the client calls them, as that may tell of its paths.</summary>
    public string SharedKey { get; }
    public CallInvoker Calls { get; }

    /// <summary>Cancelled when the client is gone.</summary>
    public CancellationToken Ended => _stream.Ended;

    /// <summary>Whether the client offers a method, <c>/package.Service/Method</c>.</summary>
    public bool Offers(string method) => _methods.Contains(method);

    /// <summary>Says hello at once (the client waits ten seconds for it, no longer) and stays until the client leaves.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation, Ended);
        try
        {
            await new Health.HealthClient(Calls).CheckAsync(new HealthCheckRequest(), cancellationToken: over.Token);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Unimplemented)
        {
            // It answered: that is all that was wanted.
        }
        await Task.Delay(Timeout.Infinite, over.Token).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _stream.End();
        return ValueTask.CompletedTask;
    }

    /// <summary>Notes when the other side ends the stream.</summary>
    private sealed class EndOfStream(Stream inner) : Stream
    {
        private readonly CancellationTokenSource _ended = new();
        private readonly SeparateHeaders _headers = new(["followpaths", "include-patterns", "exclude-patterns"]);

        public CancellationToken Ended => _ended.Token;

        public void End() => _ended.Cancel();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                int count = await inner.ReadAsync(buffer, cancellationToken);
                if (count == 0 && buffer.Length > 0) End();
                return count;
            }
            catch (Exception error) when (error is IOException or InvalidOperationException)
            {
                End();
                throw;
            }
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // Writes come one at a time: the client library sees to it.
            await inner.WriteAsync(_headers.Rewrite(buffer.Span), cancellationToken);
            await inner.FlushAsync(cancellationToken);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
        public override void Flush() => inner.Flush();
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) End();
            base.Dispose(disposing);
        }
    }
}
