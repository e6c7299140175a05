using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>Sends results into the client's session: a stream of bytes that it writes to a file, or a directory.</summary>
internal static class SessionOutput
{
    private const string Service = "moby.filesync.v1.FileSend", Name = "DiffCopy", ExporterId = "buildkit-attachable-exporter-id";

    private static readonly Method<BytesMessage, BytesMessage> Bytes = new(MethodType.DuplexStreaming, Service, Name, Marshaller(BytesMessage.Parser), Marshaller(BytesMessage.Parser));

    private static Marshaller<T> Marshaller<T>(MessageParser<T> parser) where T : IMessage<T> => Marshallers.Create(static message => message.ToByteArray(), parser.ParseFrom);

    /// <summary>Sends what <paramref name="write"/> writes. <paramref name="metadata"/> is for the client, which may name files after it.</summary>
    public static async Task SendAsync(ClientSession session, int exporter, IReadOnlyDictionary<string, string> metadata, Func<Stream, Task> write, CancellationToken cancellation)
    {
        using var call = session.Calls.AsyncDuplexStreamingCall(Bytes, null, new CallOptions(Headers(session, exporter, metadata), cancellationToken: cancellation));
        try
        {
            await using (var stream = new BytesStream(call.RequestStream, cancellation)) await write(stream);
            await call.RequestStream.CompleteAsync();
            // The client answers by ending the call, or with an error.
            while (await call.ResponseStream.MoveNext(cancellation)) { }
        }
        catch (RpcException error)
        {
            throw new WharfException(ErrorKind.Unavailable, $"failed to send the result to the client: {error.Status.Detail}", error);
        }
    }

    /// <summary>Sends a directory tree.</summary>
    public static async Task SendDirectoryAsync(ClientSession session, int exporter, Fd root, Action<long> sent, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = new FileSend.FileSendClient(session.Calls).DiffCopy(Headers(session, exporter, new Dictionary<string, string>()), cancellationToken: over.Token);
        try
        {
            await new DirectorySender(root, sent).RunAsync(call, over.Token);
        }
        catch (RpcException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new WharfException(ErrorKind.Unavailable, $"failed to send the result to the client: {error.Status.Detail}", error);
        }
        finally { await over.CancelAsync(); }
    }

    private static Metadata Headers(ClientSession session, int exporter, IReadOnlyDictionary<string, string> metadata)
    {
        if (!session.Offers($"/{Service}/{Name}")) throw WharfException.Invalid($"method /{Service}/{Name} not supported by the client");
        var headers = new Metadata { { ExporterId, exporter.ToString(CultureInfo.InvariantCulture) } };
        foreach (var (key, value) in metadata) headers.Add("exporter-md-" + key.ToLowerInvariant(), value);
        return headers;
    }

    /// <summary>Writes as messages.</summary>
    private sealed class BytesStream(IClientStreamWriter<BytesMessage> writer, CancellationToken cancellation) : WriteOnlyStream
    {
        private readonly byte[] _buffer = new byte[1 << 20];
        private int _filled;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (!buffer.IsEmpty)
            {
                int count = Math.Min(buffer.Length, _buffer.Length - _filled);
                buffer[..count].CopyTo(_buffer.AsMemory(_filled));
                _filled += count;
                buffer = buffer[count..];
                if (_filled == _buffer.Length) await SendAsync();
            }
        }

        private async Task SendAsync()
        {
            if (_filled == 0) return;
            await writer.WriteAsync(new BytesMessage { Data = ByteString.CopyFrom(_buffer, 0, _filled) }, cancellation);
            _filled = 0;
        }

        public override async ValueTask DisposeAsync()
        {
            await SendAsync();
            await base.DisposeAsync();
        }
    }
}
