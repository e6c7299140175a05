namespace Wharf.Engine.Content.Recipes;

/// <summary>What a position of the plain data became in a deflate stream: a literal (length 1, distance 0) or a copy of earlier bytes.</summary>
internal readonly record struct Token(int Length, int Distance)
{
    public static Token Literal => new(1, 0);
    public bool IsMatch => Distance != 0;
}

/// <summary>
/// A part of the plain data: some history before <see cref="Position"/>, and what is known after it. Whoever predicts looks no further ahead than
/// <see cref="Lookahead"/>, so that it makes no difference how much more is there.
/// </summary>
internal sealed class PlainWindow(int capacity, int history = PlainWindow.DeflateHistory)
{
    public const int DeflateHistory = 64 << 10, Lookahead = 8 << 10;

    public byte[] Data { get; private set; } = GC.AllocateUninitializedArray<byte>(capacity);

    /// <summary>Where the next token begins.</summary>
    public int Position { get; set; }

    /// <summary>The end of what is known.</summary>
    public int End { get; set; }

    /// <summary>Where the member of the archive begins: copies do not reach beyond. Negative once that is far behind.</summary>
    public int MemberStart { get; set; }

    /// <summary>Whether <see cref="End"/> is the end of all.</summary>
    public bool Ended { get; set; }

    public bool IsKnown => Ended || End - Position >= Lookahead;

    public int Room => Data.Length - End;

    /// <summary>Takes four times the memory, so that little is left behind for the collector, up to a limit; false when it has that already.</summary>
    public bool Grow(int most)
    {
        if (Data.Length >= most) return false;
        var larger = GC.AllocateUninitializedArray<byte>(Math.Min(Data.Length * 4, most));
        Data.AsSpan(0, End).CopyTo(larger);
        Data = larger;
        return true;
    }

    /// <summary>Drops history that is not needed any more; gives by how much all positions went down, a multiple of 65536.</summary>
    public int Slide()
    {
        int by = Math.Max(0, Position - history) & ~0xffff;
        if (by == 0) return 0;
        Data.AsSpan(by, End - by).CopyTo(Data);
        (Position, End, MemberStart) = (Position - by, End - by, Math.Max(MemberStart - by, -(1 << 30)));
        return by;
    }

    /// <summary>Adds a copy of what stands at a distance; the caller knows that there is room and that it is here.</summary>
    public void Copy(int distance, int length)
    {
        int to = End, from = to - distance;
        if (distance >= length) Data.AsSpan(from, length).CopyTo(Data.AsSpan(to));
        else for (int i = 0; i < length; i++) Data[to + i] = Data[from + i];
        End += length;
    }

    /// <summary>How many bytes from two positions on are equal, at most <paramref name="limit"/>.</summary>
    public int Common(int a, int b, int limit) => Data.AsSpan(a, limit).CommonPrefixLength(Data.AsSpan(b, limit));
}
