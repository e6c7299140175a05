namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>The distances that a sequence can name as those of earlier ones (RFC 8878, 3.1.2.5).</summary>
internal sealed class RepeatOffsets
{
    /// <summary>Offsets above this are distances, larger by this.</summary>
    public const int Codes = 3;

    public int First { get; private set; }
    public int Second { get; private set; }
    public int Third { get; private set; }

    public RepeatOffsets() => Restart();

    public void Restart() => (First, Second, Third) = (1, 4, 8);

    /// <summary>The distance that an offset stands for; not positive where it stands for none.</summary>
    public int Distance(int offset, bool noLiterals) => offset > Codes ? offset - Codes : (offset + (noLiterals ? 1 : 0)) switch { 1 => First, 2 => Second, 3 => Third, _ => First - 1 };

    /// <summary>Notes that an offset was used.</summary>
    public void Use(int offset, bool noLiterals)
    {
        int distance = Distance(offset, noLiterals), place = offset > Codes ? Codes + 1 : offset + (noLiterals ? 1 : 0);
        if (place > 2) Third = Second;
        if (place > 1) (First, Second) = (distance, First);
    }
}
