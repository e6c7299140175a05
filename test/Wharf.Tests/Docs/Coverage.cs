using System.Text.RegularExpressions;

namespace Wharf.Tests.Docs;

/// <summary>
/// Which system test covers which operation with which parameters and fields of its body, read from the tests' own source: [Covers], the rows of
/// BodyFieldTests, and the calls of the API's clients.
/// </summary>
internal static partial class Coverage
{
    /// <summary>Operation → parameter ("" for the operation itself) → tests.</summary>
    public static SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> Read(IReadOnlyList<ApiOperation> operations)
    {
        var found = new SortedDictionary<string, SortedDictionary<string, SortedSet<string>>>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(Repository.Root, "test", "Wharf.SystemTests"), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (path.Contains("/obj/", StringComparison.Ordinal) || path.Contains("/bin/", StringComparison.Ordinal)) continue;
            ReadFile(File.ReadAllText(path), operations, found);
        }
        return found;
    }

    /// <summary>Whether a parameter or field, or the field that it is a part of, is covered.</summary>
    public static bool Has(SortedDictionary<string, SortedSet<string>> entry, string name) => entry.Keys.Any(key => key == name || key != "" && name.StartsWith(key + ".", StringComparison.Ordinal));

    private static void ReadFile(string source, IReadOnlyList<ApiOperation> operations, SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> found)
    {
        var type = ClassName().Match(source).Groups[1].Value;
        // Helpers of a test count for the class: what they call is run by its tests.
        foreach (Match call in Call().Matches(source))
        {
            var names = Query().Matches(call.Groups[2].Value).Select(match => match.Groups[1].Value);
            Add(found, call.Groups[1].Value, names, type);
        }
        foreach (Match call in ClientCall().Matches(source))
        {
            var method = call.Groups[1].Value switch { "Get" or "Download" => "GET", "PostTar" or "Upgrade" => "POST", var verb => verb.ToUpperInvariant() };
            var path = "/" + Interpolation().Replace(call.Groups[2].Value.TrimStart('/'), "x");
            if (operations.FirstOrDefault(operation => operation.IsCalledBy(method, path)) is not { } called) continue;
            Add(found, called.Id, Query().Matches(call.Groups[3].Value).Select(match => match.Groups[1].Value).Intersect(called.Parameters), type);
        }
        foreach (Match row in FieldRow().Matches(source)) Add(found, row.Groups[1].Value, row.Groups[2].Value.Split(' '), type);
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
    // GetAsync($"/containers/{id}/stats?stream=0") of the clients that know no operations.
    [GeneratedRegex("\\.(Get|Post|PostTar|Put|Delete|Head|Download|Upgrade)Async\\((?:engine, )?\\$?\"([^\"?]+)(\\?[^\"]*)?\"")] private static partial Regex ClientCall();
    [GeneratedRegex(@"\{[^}]*\}")] private static partial Regex Interpolation();
    [GeneratedRegex("Field\\(\"(\\w+)\", \"([^\"]+)\"")] private static partial Regex FieldRow();
    [GeneratedRegex(@"[?&](\w[\w-]*)=")] private static partial Regex Query();
    // One attribute list, with one entry or several, and the method after it.
    [GeneratedRegex(@"\[(Covers\([^)]*\)(?:, Covers\([^)]*\))*)\][^(]*?\b(\w+)\(", RegexOptions.Singleline)] private static partial Regex CoversText();
    [GeneratedRegex(@"Covers\(([^)]*)\)")] private static partial Regex CoversEntry();
    [GeneratedRegex("\"([^\"]+)\"")] private static partial Regex Word();
}
