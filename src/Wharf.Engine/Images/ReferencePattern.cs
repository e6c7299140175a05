using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// The <c>reference</c> filter: a shell pattern over the familiar name, with or without its tag. <c>*</c> and <c>?</c> do not cross slashes, <c>[a-z]</c> and
/// <c>[^a-z]</c> are one letter of a set, <c>\</c> takes the next letter as it is.
/// </summary>
internal static class ReferencePattern
{
    public static bool Matches(string pattern, string familiar) =>
        ImageReference.TryParse(familiar, out var reference) && (Glob(pattern, familiar) || Glob(pattern, reference.FamiliarRepository));

    /// <summary>Whether all of <paramref name="text"/> fits; docker answers 500 for a pattern that is none.</summary>
    internal static bool Glob(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        // Where the last star stood, and up to where it took the text: going back there is enough, whatever stars came before.
        int at = 0, read = 0, star = -1, taken = 0;
        bool fits = true;
        while (at < pattern.Length || read < text.Length)
        {
            if (at < pattern.Length && pattern[at] == '*')
            {
                (star, taken) = (at++, read);
                continue;
            }
            int next = at;
            if (at < pattern.Length && One(pattern, ref next, read < text.Length ? text[read] : null))
            {
                (at, read) = (next, read + 1);
                continue;
            }
            if (star < 0 || taken >= text.Length || text[taken] == '/')
            {
                fits = false;
                break;
            }
            (at, read) = (star + 1, ++taken);
        }
        // Also what was not needed to tell must be a pattern.
        while (!fits && at < pattern.Length)
        {
            if (pattern[at] == '*') at++;
            else One(pattern, ref at, null);
        }
        return fits;
    }

    /// <summary>Reads one element of the pattern that is no star; true when it fits the letter.</summary>
    private static bool One(ReadOnlySpan<char> pattern, ref int at, char? letter)
    {
        switch (pattern[at])
        {
            case '?':
                at++;
                return letter is not null and not '/';
            case '[': return Set(pattern, ref at, letter);
            default: return Literal(pattern, ref at) == letter;
        }
    }

    private static bool Set(ReadOnlySpan<char> pattern, ref int at, char? letter)
    {
        at++;
        bool negated = at < pattern.Length && pattern[at] == '^';
        if (negated) at++;
        bool found = false;
        for (int ranges = 0; ; ranges++)
        {
            if (at >= pattern.Length) throw Malformed();
            if (pattern[at] == ']' && ranges > 0) break;
            char low = Member(pattern, ref at), high = low;
            if (at < pattern.Length && pattern[at] == '-')
            {
                at++;
                high = Member(pattern, ref at);
            }
            found |= low <= letter && letter <= high;
        }
        at++;
        return letter is not null && found != negated;
    }

    private static char Member(ReadOnlySpan<char> pattern, ref int at) => at >= pattern.Length || pattern[at] is '-' or ']' ? throw Malformed() : Literal(pattern, ref at);

    private static char Literal(ReadOnlySpan<char> pattern, ref int at)
    {
        if (pattern[at] == '\\' && ++at >= pattern.Length) throw Malformed();
        return pattern[at++];
    }

    private static WharfException Malformed() => new(ErrorKind.InvalidArgument, "syntax error in pattern");
}
