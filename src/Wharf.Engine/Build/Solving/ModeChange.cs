using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>What <c>--chmod</c> says: octal permission bits, or changes as chmod(1) has them (<c>u=rwX,go-w</c>), with no umask.</summary>
internal sealed class ModeChange
{
    private const string Who = "ugo", Bits = "rwxXst";
    private const uint All = 0xfff, Sticky = 0x200, ReadAll = 0x124, WriteAll = 0x92, ExecuteAll = 0x49;

    private readonly List<(uint Mask, char Operator, string What)> _changes = [];

    private ModeChange(uint octal) => Octal = octal;

    private ModeChange() { }

    /// <summary>The bits, where they are given as a number.</summary>
    public uint? Octal { get; }

    /// <summary>Null when nothing is asked for.</summary>
    public static ModeChange? Parse(string? text)
    {
        if (text is null) return null;
        if (text.Length is > 0 and <= 5 && !text.AsSpan().ContainsAnyExcept("01234567") && Convert.ToUInt32(text, 8) is <= All and var octal) return new ModeChange(octal);
        var change = new ModeChange();
        foreach (var clause in text.Split(','))
            if (!change.Add(clause)) throw WharfException.Invalid($"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777");
        return change;
    }

    private bool Add(string clause)
    {
        int at = 0;
        uint mask = 0;
        for (; at < clause.Length && (Who.Contains(clause[at]) || clause[at] == 'a'); at++) mask |= MaskOf(clause[at]);
        if (mask == 0) mask = All;
        if (at == clause.Length) return false;
        while (at < clause.Length)
        {
            char operation = clause[at++];
            if (operation is not ('+' or '-' or '=')) return false;
            int from = at;
            while (at < clause.Length && clause[at] is not ('+' or '-' or '=')) at++;
            var what = clause[from..at];
            if (!what.All(Bits.Contains) && !(what.Length == 1 && Who.Contains(what[0]))) return false;
            _changes.Add((mask, operation, what));
        }
        return true;
    }

    /// <summary>The bits a class of users has, its set-ID bit or the sticky bit with them.</summary>
    private static uint MaskOf(char who) => who switch { 'u' => 0x9c0, 'g' => 0x438, 'o' => 0x207, _ => All };

    /// <summary>The mode that a file with this one gets.</summary>
    public uint Apply(uint mode, bool isDirectory)
    {
        if (Octal is { } octal) return octal;
        foreach (var (mask, operation, what) in _changes)
        {
            uint bits = 0;
            foreach (char letter in what) bits |= BitsOf(letter, mode, isDirectory);
            bits &= mask;
            mode = operation switch { '+' => mode | bits, '-' => mode & ~bits, _ => (mode & ~mask) | bits };
        }
        return mode;
    }

    private static uint BitsOf(char letter, uint mode, bool isDirectory) => letter switch
    {
        'r' => ReadAll, 'w' => WriteAll, 'x' => ExecuteAll, 's' => 0xc00, 't' => Sticky,
        'X' => isDirectory || (mode & ExecuteAll) != 0 ? ExecuteAll : 0,
        'u' => Spread(mode >> 6), 'g' => Spread(mode >> 3), _ => Spread(mode),
    };

    /// <summary>Three bits for each class.</summary>
    private static uint Spread(uint bits) => (bits & 7) * ExecuteAll;
}
