using Wharf.Engine.Containers.Config;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build;

/// <summary>
/// The query of a git address as BuildKit's Dockerfile has it: <c>ref</c>, or <c>tag</c>, or <c>branch</c>; <c>subdir</c>; <c>checksum</c> or <c>commit</c>, which the fetched commit's ID
/// has to begin with; <c>keep-git-dir</c> and <c>submodules</c>, true without a value. Errors are in BuildKit's words.
/// </summary>
internal sealed record GitQuery(string Reference, string Directory, string Commit, bool KeepsGitDirectory, bool HasSubmodules)
{
    public static readonly GitQuery None = new("", "", "", false, true);

    public static GitQuery Parse(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            if (!values.TryAdd(Uri.UnescapeDataString(parts[0]), parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : "")) throw WharfException.Invalid($"query \"{parts[0]}\" has multiple values");
        }
        var query = None;
        string tag = "", branch = "";
        foreach (var (name, value) in values)
        {
            if (value.Length == 0 && name is ("ref" or "tag" or "branch" or "subdir" or "checksum" or "commit")) throw WharfException.Invalid($"query \"{name}\" has no value");
            switch (name)
            {
                case "ref": query = query with { Reference = value }; break;
                case "tag": tag = Full("refs/tags/", value); break;
                case "branch": branch = Full("refs/heads/", value); break;
                case "subdir": query = query with { Directory = value }; break;
                case "checksum" or "commit": query = query with { Commit = Agreed("checksum", query.Commit, Hexadecimal(value)) }; break;
                case "keep-git-dir": query = query with { KeepsGitDirectory = Boolean(name, value) }; break;
                case "submodules": query = query with { HasSubmodules = Boolean(name, value) }; break;
                default: throw WharfException.Invalid($"unexpected query \"{name}\"");
            }
        }
        if (tag.Length > 0 && branch.Length > 0) throw WharfException.Invalid("branch conflicts with tag");
        return query with { Reference = Agreed("ref", query.Reference, tag.Length > 0 ? tag : branch) };
    }

    /// <summary>The one of two that is given; both must be the same.</summary>
    public static string Agreed(string what, string first, string second)
    {
        if (first.Length > 0 && second.Length > 0 && first != second) throw WharfException.Invalid($"{what} conflicts: \"{first}\" vs \"{second}\"");
        return first.Length > 0 ? first : second;
    }

    private static string Full(string prefix, string name) => name.StartsWith(prefix, StringComparison.Ordinal) ? name : prefix + name;

    private static string Hexadecimal(string value) =>
        value.Length <= 64 && value.All(char.IsAsciiHexDigit) ? value.ToLowerInvariant() : throw WharfException.Invalid($"invalid checksum {value} for Git URL, expected hex commit hash");

    private static bool Boolean(string name, string value) =>
        value.Length == 0 || (Specs.GoSyntax.Bool(value) ?? throw WharfException.Invalid($"invalid {name} value: \"{value}\""));
}
