namespace Wharf.Engine.Images;

/// <summary>Paragraphs of <c>Key: value</c> lines, as dpkg, apk (without the blank) and Python's packages have them (deb822(5)).</summary>
public static class Stanzas
{
    /// <summary>The first value of a key counts; lines that go on are left out.</summary>
    public static IEnumerable<Dictionary<string, string>> In(string text)
    {
        var stanza = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                if (stanza.Count > 0) yield return stanza;
                stanza = new Dictionary<string, string>(StringComparer.Ordinal);
            }
            else if (line[0] is not (' ' or '\t') && line.IndexOf(':') is > 0 and var colon) stanza.TryAdd(line[..colon], line[(colon + 1)..].Trim());
        }
        if (stanza.Count > 0) yield return stanza;
    }
}
