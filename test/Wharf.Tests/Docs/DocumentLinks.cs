using System.Text.RegularExpressions;

namespace Wharf.Tests.Docs;

/// <summary>Links of a Markdown text to other files of the repository.</summary>
internal static partial class DocumentLinks
{
    /// <summary>Their targets, without the part after <c>#</c>.</summary>
    public static IEnumerable<string> In(string markdown) => Links.Matches(markdown).Select(match => match.Groups["target"].Value);

    public static string Replace(string markdown, Func<string, string> target) => Links.Replace(markdown, match => $"]({target(match.Groups["target"].Value)}");

    // Not those that begin with a scheme or #.
    [GeneratedRegex(@"\]\((?![a-z+]+:)(?<target>[^)#\s]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Links { get; }
}
