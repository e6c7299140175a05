using System.Globalization;
using System.Text.RegularExpressions;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit;

/// <summary>Filters of cache records, as <c>buildx du --filter</c> and <c>prune --filter</c> send them: <c>field==value</c>, <c>!=</c>, <c>~=</c>, several in one joined by commas.</summary>
internal sealed class UsageFilter(IEnumerable<string> filters)
{
    private readonly List<List<(string Field, string Operator, string Value)>> _any = [.. filters.Select(filter => filter.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList())];

    /// <summary>True when one of the filters fits, or there is none.</summary>
    public bool Admits(UsageRecord record) => _any.Count == 0 || _any.Exists(all => all.TrueForAll(term => Fits(record, term)));

    private static (string, string, string) Parse(string term)
    {
        foreach (var sign in new[] { "==", "!=", "~=", "=" })
        {
            int at = term.IndexOf(sign, StringComparison.Ordinal);
            if (at > 0) return (term[..at].Trim().ToLowerInvariant(), sign, term[(at + sign.Length)..].Trim().Trim('"'));
        }
        return (term.Trim().ToLowerInvariant(), "==", "true");
    }

    private static bool Fits(UsageRecord record, (string Field, string Operator, string Value) term)
    {
        var actual = term.Field switch
        {
            "id" => record.Id, "parents" or "parent" => string.Join(';', record.Parents), "description" => record.Description, "type" => record.RecordType, "inuse" => Text(record.InUse), "mutable" => Text(record.Mutable),
            "immutable" => Text(!record.Mutable), "shared" => Text(record.Shared), "private" => Text(!record.Shared), "until" => null, _ => throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.InvalidArgument, $"unknown filter {term.Field}")),
        };
        if (actual is null) return true;
        return term.Operator switch { "!=" => actual != term.Value, "~=" => Regex.IsMatch(actual, term.Value, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)), _ => actual == term.Value };
    }

    private static string Text(bool value) => value ? "true" : "false";
}
