using System.Text.RegularExpressions;

namespace Wharf.Engine.Build.Caching;

/// <summary>
/// Filters of cache entries in containerd's form: <c>field==value</c>, <c>!=</c>, <c>~=</c> or only a field, several joined by commas. An entry must meet each of the joined and
/// one of the filters. Several values of one field, joined, are alternatives: docker's own rule names three types so.
/// </summary>
public sealed class CacheFilter(IEnumerable<string> filters)
{
    /// <summary>What can be asked of an entry.</summary>
    public static readonly IReadOnlySet<string> Fields = new HashSet<string>(StringComparer.Ordinal) { "id", "parent", "type", "description", "inuse", "shared", "private", "mutable", "immutable" };

    private readonly List<List<IGrouping<string, Term>>> _any = [.. filters.Select(static filter => filter.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Parse).GroupBy(static term => term.IsValue ? term.Field : term.ToString(), StringComparer.Ordinal).ToList())];

    /// <summary>True when one of the filters fits, or there is none.</summary>
    public bool Admits(CacheEntry entry) => _any.Count == 0 || _any.Exists(all => all.TrueForAll(terms => terms.Any(term => Fits(entry, term))));

    private sealed record Term(string Field, string Operator, string Value)
    {
        public bool IsValue => Operator is "==" or "=";
    }

    private static Term Parse(string term)
    {
        foreach (var sign in new[] { "==", "!=", "~=", "=" })
        {
            int at = term.IndexOf(sign, StringComparison.Ordinal);
            if (at > 0) return new Term(term[..at].Trim().ToLowerInvariant(), sign, term[(at + sign.Length)..].Trim().Trim('"'));
        }
        return new Term(term.Trim().ToLowerInvariant(), "", "");
    }

    /// <summary>A field that is not known fits nothing, as with containerd.</summary>
    private static bool Fits(CacheEntry entry, Term term)
    {
        if (Is(entry, term.Field) is { } flag) return term.Operator == "!=" ? flag != IsTrue(term.Value) : flag == IsTrue(term.Value);
        var actual = term.Field switch { "id" => entry.Id, "parents" or "parent" => string.Join(';', entry.Parents), "description" => entry.Description, "type" => entry.Kind, _ => null };
        if (actual is null) return false;
        return term.Operator switch { "" => actual.Length > 0, "!=" => actual != term.Value, "~=" => Regex.IsMatch(actual, term.Value, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)), _ => actual == term.Value };
    }

    private static bool? Is(CacheEntry entry, string field) => field switch
    {
        "inuse" => entry.InUse, "shared" => entry.Shared, "private" => !entry.Shared, "mutable" => entry.Mutable, "immutable" => !entry.Mutable, _ => null,
    };

    /// <summary>A field alone asks whether it is so.</summary>
    private static bool IsTrue(string value) => value is "" or "true" or "1";
}
