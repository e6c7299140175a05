using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Manifests that were read lately, up to so many bytes; the longest unused goes first. Content by digest never grows old.</summary>
internal sealed class ByteCache(long capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, LinkedListNode<(Digest Digest, byte[] Bytes)>> _entries = [];
    private readonly LinkedList<(Digest Digest, byte[] Bytes)> _order = new();
    private long _size;

    public byte[]? Find(Digest digest)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(digest, out var node)) return null;
            _order.Remove(node);
            _order.AddFirst(node);
            return node.Value.Bytes;
        }
    }

    public void Add(Digest digest, byte[] bytes)
    {
        if (bytes.Length > capacity / 8) return;
        lock (_lock)
        {
            if (_entries.ContainsKey(digest)) return;
            _entries[digest] = _order.AddFirst((digest, bytes));
            _size += bytes.Length;
            while (_size > capacity) RemoveLast();
        }
    }

    public void Remove(Digest digest)
    {
        lock (_lock)
        {
            if (!_entries.Remove(digest, out var node)) return;
            _order.Remove(node);
            _size -= node.Value.Bytes.Length;
        }
    }

    private void RemoveLast()
    {
        var (digest, bytes) = _order.Last!.Value;
        _order.RemoveLast();
        _entries.Remove(digest);
        _size -= bytes.Length;
    }
}
