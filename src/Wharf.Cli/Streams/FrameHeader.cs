using System.Buffers.Binary;

namespace Wharf.Cli.Streams;

/// <summary>
/// What stands before each piece of a container's output: its kind (0 stdin and 1 stdout, shown as one; 2 stderr; 3 an error of the daemon), three zero
/// bytes, and the big-endian length of what follows (Engine API, "Stream format" of attach).
/// </summary>
internal readonly record struct FrameHeader(byte Kind, uint Length)
{
    public const int Size = 8;

    public bool IsError => Kind == 3;

    public static FrameHeader Parse(ReadOnlySpan<byte> bytes) =>
        bytes[0] <= 3 ? new(bytes[0], BinaryPrimitives.ReadUInt32BigEndian(bytes[4..])) : throw new IOException($"unrecognized stream: {bytes[0]}");
}
