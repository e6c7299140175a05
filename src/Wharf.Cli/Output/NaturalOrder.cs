namespace Wharf.Cli.Output;

/// <summary>Names in the order people count: runs of digits by value, so that <c>net10</c> follows <c>net9</c>.</summary>
internal sealed class NaturalOrder : IComparer<string?>
{
    public static NaturalOrder Instance { get; } = new();

    public int Compare(string? left, string? right)
    {
        var (a, b) = (left ?? "", right ?? "");
        int i = 0, j = 0;
        while (i < a.Length && j < b.Length)
        {
            if (!char.IsAsciiDigit(a[i]) || !char.IsAsciiDigit(b[j]))
            {
                if (a[i] != b[j]) return a[i].CompareTo(b[j]);
                i++;
                j++;
                continue;
            }
            var first = Digits(a, ref i);
            var second = Digits(b, ref j);
            var order = first.Length != second.Length ? first.Length.CompareTo(second.Length) : first.SequenceCompareTo(second);
            if (order != 0) return order;
        }
        return (a.Length - i).CompareTo(b.Length - j);
    }

    private static ReadOnlySpan<char> Digits(string text, ref int at)
    {
        var from = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        return text.AsSpan(from, at - from).TrimStart('0');
    }
}
