using System.Buffers.Binary;
using System.Text;

namespace Wharf.Engine.Containers;

/// <summary>What a probe writes, both streams together without the frames' headers: the first 4 KiB are kept, the rest is read and dropped.</summary>
internal sealed class ProbeOutput
{
    private const int Kept = 4096;

    private readonly MemoryStream _kept = new();
    private bool _truncated;

    public async Task ReadAsync(Stream streams, CancellationToken cancellation)
    {
        var header = new byte[8];
        var buffer = new byte[4096];
        while (await streams.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellation) == header.Length)
        {
            for (int left = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)); left > 0;)
            {
                int count = await streams.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), cancellation);
                if (count == 0) break;
                left -= count;
                lock (_kept)
                {
                    int take = Math.Min(count, Kept - (int)_kept.Length);
                    _kept.Write(buffer, 0, take);
                    _truncated |= take < count;
                }
            }
        }
    }

    /// <summary>As far as it has come by now.</summary>
    public override string ToString()
    {
        lock (_kept) return Encoding.UTF8.GetString(_kept.GetBuffer(), 0, (int)_kept.Length) + (_truncated ? "..." : "");
    }
}
