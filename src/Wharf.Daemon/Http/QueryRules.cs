using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>What docker's reader of query strings refuses: half an escape, and semicolons, which once stood between parameters.</summary>
internal static class QueryRules
{
    /// <summary>InvalidArgument for a query string that is none.</summary>
    public static void Check(string? query)
    {
        if (query is null || !query.AsSpan().ContainsAny('%', ';')) return;
        foreach (var parameter in query[1..].Split('&'))
        {
            if (parameter.Contains(';', StringComparison.Ordinal)) throw WharfException.Invalid("invalid semicolon separator in query");
            for (int at = parameter.IndexOf('%'); at >= 0; at = parameter.IndexOf('%', at + 1))
            {
                var escape = parameter.AsSpan(at, Math.Min(3, parameter.Length - at));
                if (escape.Length < 3 || !char.IsAsciiHexDigit(escape[1]) || !char.IsAsciiHexDigit(escape[2])) throw WharfException.Invalid($"invalid URL escape \"{escape}\"");
            }
        }
    }
}
