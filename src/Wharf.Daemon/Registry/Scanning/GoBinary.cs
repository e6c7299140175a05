using System.Text;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>
/// Finds the list of modules that Go (1.18 and later) puts into the programs it builds: a mark at a multiple of 16 bytes, then the compiler's version and the list as
/// length-prefixed texts. The file goes through in pieces; only what follows the mark is kept.
/// </summary>
internal sealed class GoBinary
{
    private const int MaxList = 1 << 20, HeaderSize = 32, Align = 16, Sentinel = 16;
    private const byte InlineStrings = 2;
    private static readonly byte[] _mark = [0xff, .. " Go buildinf:"u8];

    private byte[] _buffer = new byte[128 << 10];
    private int _length;
    /// <summary>Where in the file the buffer begins.</summary>
    private long _start;
    private bool _isFound;

    public static bool IsProgram(ReadOnlySpan<byte> begin) => begin.StartsWith("\u007fELF"u8);

    public List<Package> Packages { get; private set; } = [];
    /// <summary>Whether nothing more has to be read.</summary>
    public bool IsDone { get; private set; }

    public void Add(ReadOnlySpan<byte> piece)
    {
        while (piece.Length > 0 && !IsDone)
        {
            if (_length == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
            int count = Math.Min(piece.Length, _buffer.Length - _length);
            piece[..count].CopyTo(_buffer.AsSpan(_length));
            _length += count;
            piece = piece[count..];
            Search(isEnd: false);
        }
    }

    public void End()
    {
        if (!IsDone) Search(isEnd: true);
        IsDone = true;
    }

    private void Search(bool isEnd)
    {
        while (!IsDone)
        {
            if (!_isFound)
            {
                int at = _buffer.AsSpan(0, _length).IndexOf(_mark);
                if (at < 0)
                {
                    Drop(Math.Max(0, _length - (_mark.Length - 1)));
                    return;
                }
                Drop(at);
                // Programs that look for the mark have it as a text of theirs, anywhere.
                if (_start % Align != 0)
                {
                    Drop(1);
                    continue;
                }
                _isFound = true;
            }
            if (_length < MaxList && !isEnd) return;
            if (TryRead()) IsDone = true;
            else
            {
                _isFound = false;
                Drop(1);
            }
        }
    }

    private void Drop(int count)
    {
        _buffer.AsSpan(count, _length - count).CopyTo(_buffer);
        (_length, _start) = (_length - count, _start + count);
    }

    private bool TryRead()
    {
        var rest = _buffer.AsSpan(0, _length);
        if (rest.Length < HeaderSize || (rest[15] & InlineStrings) == 0) return false;
        rest = rest[HeaderSize..];
        if (!TryText(ref rest, out var version) || !TryText(ref rest, out var list) || !version.StartsWith("go"u8)) return false;
        if (list.Length < 2 * Sentinel) return true;
        Packages = [LockFiles.Go("stdlib", Encoding.UTF8.GetString(version)[2..].Split(' ')[0]), .. Modules(Encoding.UTF8.GetString(list[Sentinel..^Sentinel]))];
        return true;
    }

    private static bool TryText(ref Span<byte> rest, out Span<byte> text)
    {
        text = default;
        long length = 0;
        for (int i = 0; i < rest.Length && i < 5; i++)
        {
            length |= (long)(rest[i] & 0x7f) << (7 * i);
            if ((rest[i] & 0x80) != 0) continue;
            if (length > rest.Length - i - 1) return false;
            text = rest.Slice(i + 1, (int)length);
            rest = rest[(i + 1 + (int)length)..];
            return true;
        }
        return false;
    }

    /// <summary>Lines of <c>dep PATH VERSION SUM</c>; <c>=&gt;</c> replaces the one before.</summary>
    private static List<Package> Modules(string list)
    {
        var modules = new List<Package>();
        foreach (var words in list.Split('\n').Select(static line => line.Split('\t')).Where(static words => words.Length >= 3))
        {
            if (words[0] == "=>" && modules.Count > 0) modules[^1] = LockFiles.Go(words[1], words[2]);
            else if (words[0] is "dep" or "mod" && words[2] is not ("" or "(devel)")) modules.Add(LockFiles.Go(words[1], words[2]));
        }
        return modules;
    }
}
