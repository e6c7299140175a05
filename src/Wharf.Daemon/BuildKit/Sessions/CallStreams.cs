using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Engine.Content;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>What a client says in a call whose messages are the bytes of a connection.</summary>
internal sealed class CallInput(IAsyncStreamReader<BytesMessage> messages) : PieceStream
{
    protected override async Task<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellation)
    {
        try { return await messages.MoveNext(cancellation) ? messages.Current.Data.Memory : End; }
        catch (RpcException error) { throw new IOException(error.Status.Detail, error); }
    }
}

/// <summary>What is said to the client in such a call, in pieces that every client takes.</summary>
internal sealed class CallOutput(IServerStreamWriter<BytesMessage> messages) : WriteOnlyStream
{
    private const int MaxPiece = 1 << 20;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (; !buffer.IsEmpty; buffer = buffer[Math.Min(MaxPiece, buffer.Length)..])
            await messages.WriteAsync(new BytesMessage { Data = ByteString.CopyFrom(buffer[..Math.Min(MaxPiece, buffer.Length)].Span) }, cancellationToken);
    }
}
