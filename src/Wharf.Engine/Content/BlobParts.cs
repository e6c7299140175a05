using System.Globalization;

namespace Wharf.Engine.Content;

/// <summary>
/// Pieces of a blob that came before those in front of them, over other connections: each a file beside the ingest, named by where it begins, that holds what has come of it. A daemon
/// that was killed finds them again; they join the ingest in their order. Safe for several threads.
/// </summary>
internal sealed class BlobParts
{
    private readonly string _path;
    private readonly long _size;
    private readonly Lock _lock = new();
    private long _front;
    private readonly SortedList<long, BlobPart> _parts = [];

    /// <param name="path">The ingest's.</param>
    /// <param name="size">Bytes of the blob.</param>
    public BlobParts(string path, long size)
    {
        (_path, _size) = (path, size);
        foreach (var file in new DirectoryInfo(Path.GetDirectoryName(path)!).EnumerateFiles(Path.GetFileName(path) + ".?*").Where(static file => file.Extension.Length > 1))
        {
            if (long.TryParse(file.Extension.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out long from) && file.Length > 0 && from + file.Length <= size) _parts[from] = BlobPart.Found(file.FullName, from, file.Length);
            else file.Delete();
        }
    }

    /// <summary>How far the blob is here in its order; set by the ingest.</summary>
    public long Front { get => Volatile.Read(ref _front); set => Volatile.Write(ref _front, value); }

    /// <summary>The part that has the byte at an offset, or is to have it; parts that lie before it go.</summary>
    public BlobPart? At(long offset)
    {
        lock (_lock)
        {
            while (_parts.Count > 0 && _parts.Values[0] is { IsOpen: false } first && first.End <= offset) Remove(first);
            return _parts.Count > 0 && _parts.Values[0] is var next && next.From <= offset ? next : null;
        }
    }

    /// <summary>Where the next part begins, or the blob ends: so far nobody has, or fetches, what is between.</summary>
    public long GapEnd(long offset)
    {
        lock (_lock) return _parts.Keys.FirstOrDefault(from => from > offset, _size);
    }

    /// <summary>
    /// Gives the first piece, of at most <paramref name="length"/> bytes, that nobody has or fetches, for the caller to fetch; null when there is none. What follows
    /// <see cref="Front"/> is being fetched, in order, if it is of no part: it is left alone for <paramref name="lead"/> bytes.
    /// </summary>
    public BlobPart? Claim(long from, long length, long lead)
    {
        lock (_lock)
        {
            long front = Front;
            from = Math.Max(from, front);
            foreach (var part in _parts.Values)
            {
                if (part.From > from) break;
                from = Math.Max(from, part.End);
            }
            if (from < front + lead && !_parts.Values.Any(part => part.From <= front && front < part.End)) from = Math.Min(front + lead, _parts.Keys.FirstOrDefault(next => next > from, _size));
            long until = Math.Min(from + length, _parts.Keys.FirstOrDefault(next => next > from, _size));
            return until > from ? _parts[from] = new BlobPart($"{_path}.{from.ToString(CultureInfo.InvariantCulture)}", from, until) : null;
        }
    }

    /// <summary>Removes all of them.</summary>
    public void Clear()
    {
        lock (_lock) while (_parts.Count > 0) Remove(_parts.Values[0]);
    }

    private void Remove(BlobPart part)
    {
        _parts.Remove(part.From);
        File.Delete(part.Path);
    }
}
