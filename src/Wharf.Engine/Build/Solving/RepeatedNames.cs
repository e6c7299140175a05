using Wharf.Engine.Archive;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>
/// Where several sources of one COPY come to the same name, the layer has it once: of files the last one, of a directory what the last one made of it.
/// All entries are gone through twice, first to count them.
/// </summary>
internal sealed class RepeatedNames
{
    private readonly Dictionary<byte[], Repeated> _all = new(ByteStringComparer.Instance);
    private bool _counted;

    private sealed class Repeated
    {
        public required TarEntry Last { get; set; }
        public int Times { get; set; } = 1;
        public int Seen { get; set; }
    }

    /// <summary>From now on entries are there to be written.</summary>
    public void Counted() => _counted = true;

    /// <summary>True when the entry, which may be changed, is to be written.</summary>
    public bool Take(TarEntry entry)
    {
        var name = entry.Name.AsSpan().TrimEnd((byte)'/').ToArray();
        if (!_counted) return Count(name, entry);
        var repeated = _all[name];
        repeated.Seen++;
        if (repeated.Times == 1) return true;
        if (!entry.IsDirectory) return repeated.Seen == repeated.Times;
        if (repeated.Seen > 1) return false;
        var last = repeated.Last;
        (entry.Mode, entry.Uid, entry.Gid, entry.ModifiedSeconds, entry.Xattrs) = (last.Mode, last.Uid, last.Gid, last.ModifiedSeconds, last.Xattrs);
        return true;
    }

    private bool Count(byte[] name, TarEntry entry)
    {
        if (_all.TryAdd(name, new Repeated { Last = entry })) return false;
        var repeated = _all[name];
        if (repeated.Last.IsDirectory != entry.IsDirectory) throw NotOver(entry);
        (repeated.Last, repeated.Times) = (entry, repeated.Times + 1);
        return false;
    }

    /// <summary>A directory and something else cannot have the same name.</summary>
    public static WharfException NotOver(TarEntry entry)
    {
        var path = entry.NameText.TrimEnd('/');
        return WharfException.Invalid(entry.IsDirectory ? $"cannot copy to non-directory: /{path}" : $"cannot overwrite directory with non-directory: /{path}");
    }
}
