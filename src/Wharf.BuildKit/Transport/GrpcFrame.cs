using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;

namespace Wharf.BuildKit.Transport;

/// <summary>How gRPC puts messages one after the other: a byte that tells of compression, of which we offer none, the length in four bytes, the highest first, and the message.</summary>
internal static class GrpcFrame
{
    private const int HeadLength = 5;

    /// <summary>Takes a message off the front; false while it is not all there.</summary>
    /// <param name="limit">The longest allowed.</param>
    public static bool TryTake(ref ReadOnlySequence<byte> buffer, int limit, out ReadOnlySequence<byte> message)
    {
        message = default;
        if (buffer.Length < HeadLength) return false;
        Span<byte> head = stackalloc byte[HeadLength];
        buffer.Slice(0, HeadLength).CopyTo(head);
        if (head[0] != 0) throw new RpcException(new Status(StatusCode.Unimplemented, "compressed messages are not supported"));
        uint length = BinaryPrimitives.ReadUInt32BigEndian(head[1..]);
        if (length > limit) throw new RpcException(new Status(StatusCode.ResourceExhausted, $"a message of {length} bytes is larger than {limit}"));
        if (buffer.Length < HeadLength + length) return false;
        message = buffer.Slice(HeadLength, length);
        buffer = buffer.Slice(message.End);
        return true;
    }

    public static T Read<T>(Marshaller<T> marshaller, in ReadOnlySequence<byte> message) => marshaller.ContextualDeserializer(new Incoming(message));

    public static void Write<T>(PipeWriter output, Marshaller<T> marshaller, T message) => marshaller.ContextualSerializer(message, new Outgoing(output));

    private sealed class Incoming(ReadOnlySequence<byte> message) : DeserializationContext
    {
        public override int PayloadLength => (int)message.Length;
        public override byte[] PayloadAsNewBuffer() => message.ToArray();
        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => message;
    }

    private sealed class Outgoing(PipeWriter output) : SerializationContext
    {
        public override void SetPayloadLength(int payloadLength)
        {
            var head = output.GetSpan(HeadLength);
            head[0] = 0;
            BinaryPrimitives.WriteInt32BigEndian(head[1..], payloadLength);
            output.Advance(HeadLength);
        }

        public override IBufferWriter<byte> GetBufferWriter() => output;

        public override void Complete() { }

        public override void Complete(byte[] payload)
        {
            SetPayloadLength(payload.Length);
            output.Write(payload);
        }
    }
}
