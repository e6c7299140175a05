using System.IO.Enumeration;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>The <c>reference</c> filter: a shell pattern over the familiar name, with or without its tag; <c>*</c> does not cross slashes.</summary>
internal static class ReferencePattern
{
    public static bool Matches(string pattern, string familiar)
    {
        if (!ImageReference.TryParse(familiar, out var reference)) return false;
        return Glob(pattern, familiar) || Glob(pattern, reference.FamiliarRepository) || Glob(pattern, reference.Repository) || Glob(pattern, reference.Canonical);
    }

    private static bool Glob(string pattern, string text)
    {
        var patterns = pattern.Split('/');
        var parts = text.Split('/');
        return patterns.Length == parts.Length && patterns.Zip(parts).All(pair => FileSystemName.MatchesSimpleExpression(pair.First, pair.Second, ignoreCase: false));
    }
}
