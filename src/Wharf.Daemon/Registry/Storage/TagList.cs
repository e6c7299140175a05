using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Some tags in order, as they stand in a JSON array: <c>"a","b"</c>. The grammar of tags needs no escapes.</summary>
public sealed record TagSlice(ReadOnlyMemory<byte> Json, int Count, string Last, bool HasMore)
{
    public static readonly TagSlice Empty = new(ReadOnlyMemory<byte>.Empty, 0, "", false);

    public static TagSlice Of(NamePage page)
    {
        var list = TagList.Of(page.Names);
        return list.Slice(int.MaxValue, null) with { HasMore = page.HasMore };
    }
}

/// <summary>All tags of a repository in the specification's order, as the JSON they are sent in, and where each begins there.</summary>
internal sealed class TagList
{
    private readonly byte[] _json;
    private readonly int[] _starts;

    private TagList(byte[] json, int[] starts) => (_json, _starts) = (json, starts);

    /// <summary>What it takes, in bytes.</summary>
    public long Size => _json.Length + _starts.Length * (long)sizeof(int);

    public static TagList Of(IEnumerable<string> ordered)
    {
        var json = new ArrayBufferWriter<byte>(256);
        var starts = new List<int>();
        foreach (var tag in ordered)
        {
            if (starts.Count > 0) json.Write(","u8);
            starts.Add(json.WrittenCount);
            json.Write("\""u8);
            Encoding.ASCII.GetBytes(tag, json);
            json.Write("\""u8);
        }
        return new TagList(json.WrittenSpan.ToArray(), CollectionsMarshal.AsSpan(starts).ToArray());
    }

    private int End(int index) => index + 1 < _starts.Length ? _starts[index + 1] - 1 : _json.Length;

    private string At(int index) => Encoding.ASCII.GetString(_json, _starts[index] + 1, End(index) - _starts[index] - 2);

    /// <summary>Up to so many tags after one that need not be there.</summary>
    public TagSlice Slice(int limit, string? last)
    {
        int from = last is null ? 0 : After(last);
        int count = Math.Min(limit, _starts.Length - from);
        if (count <= 0) return TagSlice.Empty;
        int end = End(from + count - 1);
        return new TagSlice(_json.AsMemory(_starts[from]..end), count, At(from + count - 1), from + count < _starts.Length);
    }

    public bool Contains(string tag) => After(tag) is > 0 and var after && At(after - 1) == tag;

    /// <summary>The first that comes after a name.</summary>
    private int After(string name)
    {
        int low = 0, high = _starts.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (TagOrder.Instance.Compare(At(middle), name) <= 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}

/// <summary>Lists of tags that were asked for lately, up to so many bytes. Whoever changes the tags of a repository says so once the change is made.</summary>
internal sealed class TagLists(long capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<(string Name, TagList List)>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Name, TagList List)> _order = new();
    private readonly Dictionary<string, object> _reading = new(StringComparer.Ordinal);
    private long _size;

    /// <summary>The repository's list: the one that is known, or else what <paramref name="read"/> gives, which is known then unless a change came in between.</summary>
    public TagList Get(string name, Func<TagList> read)
    {
        var mark = new object();
        lock (_lock)
        {
            if (_entries.TryGetValue(name, out var node))
            {
                _order.Remove(node);
                _order.AddFirst(node);
                return node.Value.List;
            }
            _reading[name] = mark;
        }
        try
        {
            var list = read();
            lock (_lock)
                if (_reading.GetValueOrDefault(name) == mark) Add(name, list);
            return list;
        }
        finally
        {
            lock (_lock)
                if (_reading.GetValueOrDefault(name) == mark) _reading.Remove(name);
        }
    }

    private void Add(string name, TagList list)
    {
        if (list.Size > capacity / 2) return;
        Remove(name);
        _entries[name] = _order.AddFirst((name, list));
        _size += list.Size;
        while (_size > capacity) Remove(_order.Last!.Value.Name);
    }

    private void Remove(string name)
    {
        if (!_entries.Remove(name, out var node)) return;
        _order.Remove(node);
        _size -= node.Value.List.Size;
    }

    /// <summary>Tags were set. A list that has them stays as it is.</summary>
    public void Set(string name, IReadOnlyList<string> tags)
    {
        if (tags.Count == 0) return;
        lock (_lock)
        {
            _reading.Remove(name);
            if (_entries.TryGetValue(name, out var node) && !tags.All(node.Value.List.Contains)) Remove(name);
        }
    }

    /// <summary>Tags went.</summary>
    public void Drop(string name)
    {
        lock (_lock)
        {
            _reading.Remove(name);
            Remove(name);
        }
    }
}
