using System.Text.RegularExpressions;

namespace Wharf.Tests.Docs;

/// <summary>Which system test covers which operation with which parameters, read from the tests' own source: [Covers] and the calls of ApiSession.</summary>
internal static partial class Coverage
{
    /// <summary>Operation → parameter ("" for the operation itself) → tests.</summary>
    public static SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> Read()
    {
        var found = new SortedDictionary<string, SortedDictionary<string, SortedSet<string>>>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(Repository.Root, "test", "Wharf.SystemTests"), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (path.Contains("/obj/", StringComparison.Ordinal) || path.Contains("/bin/", StringComparison.Ordinal)) continue;
            ReadFile(File.ReadAllText(path), found);
        }
        return found;
    }

    private static void ReadFile(string source, SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> found)
    {
        var type = ClassName().Match(source).Groups[1].Value;
        // Helpers of a test count for the class: what they call is run by its tests.
        foreach (Match call in Call().Matches(source))
        {
            var names = Query().Matches(call.Groups[2].Value).Select(match => match.Groups[1].Value);
            Add(found, call.Groups[1].Value, names, type);
        }
        foreach (Match list in CoversText().Matches(source))
            foreach (Match covers in CoversEntry().Matches(list.Groups[1].Value))
            {
                var words = Word().Matches(covers.Groups[1].Value).Select(match => match.Groups[1].Value).ToList();
                if (words.Count > 0) Add(found, words[0], words.Skip(1), $"{type}.{list.Groups[2].Value}");
            }
    }

    private static void Add(SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> found, string operation, IEnumerable<string> parameters, string test)
    {
        if (!found.TryGetValue(operation, out var entry)) found[operation] = entry = new(StringComparer.Ordinal);
        foreach (var parameter in parameters.Prepend(""))
        {
            if (!entry.TryGetValue(parameter, out var tests)) entry[parameter] = tests = new(StringComparer.Ordinal);
            tests.Add(test);
        }
    }

    [GeneratedRegex(@"class (\w+)")] private static partial Regex ClassName();
    [GeneratedRegex("CallAsync\\(\"(\\w+)\", (?:\\$?\")((?:[^\"\\\\]|\\\\.)*)\"")] private static partial Regex Call();
    [GeneratedRegex(@"[?&](\w[\w-]*)=")] private static partial Regex Query();
    // One attribute list, with one entry or several, and the method after it.
    [GeneratedRegex(@"\[(Covers\([^)]*\)(?:, Covers\([^)]*\))*)\][^(]*?\b(\w+)\(", RegexOptions.Singleline)] private static partial Regex CoversText();
    [GeneratedRegex(@"Covers\(([^)]*)\)")] private static partial Regex CoversEntry();
    [GeneratedRegex("\"([^\"]+)\"")] private static partial Regex Word();
}
