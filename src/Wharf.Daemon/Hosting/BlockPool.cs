using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Wharf.Linux.Memory;

namespace Wharf.Daemon.Hosting;

/// <summary>
/// Kestrel's buffers, in blocks of 32 KiB instead of its own 4 KiB: each read of a socket fills one block, and images, contexts and archives
/// come through them by the hundred megabytes. Free blocks are let go when the process gives memory back.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>
{
    private const int BlockSize = 32 << 10;
    private readonly ConcurrentStack<byte[]> _free = new();
    private bool _disposed;

    private BlockPool() => ResidentMemory.Releasing += _free.Clear;

    /// <summary>Makes Kestrel take its memory from here. After Kestrel has been added.</summary>
    public static void Use(IServiceCollection services) => services.Replace(ServiceDescriptor.Singleton<IMemoryPoolFactory<byte>>(new Factory()));

    public override int MaxBufferSize => BlockSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        // Pinned for good, in a heap of their own: sockets read into them.
        return new Block(this, _free.TryPop(out var bytes) ? bytes : GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true));
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        ResidentMemory.Releasing -= _free.Clear;
        _free.Clear();
    }

    private sealed class Block(BlockPool pool, byte[] bytes) : IMemoryOwner<byte>
    {
        private byte[]? _bytes = bytes;

        public Memory<byte> Memory => _bytes ?? throw new ObjectDisposedException(nameof(Block));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is { } bytes && !pool._disposed) pool._free.Push(bytes);
        }
    }

    private sealed class Factory : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BlockPool();
    }
}
