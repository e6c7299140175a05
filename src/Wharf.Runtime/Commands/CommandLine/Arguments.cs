using System.Globalization;

namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>Parsed flags and what is left, by the rules of the tools this one stands in for (Go's flag package: -x and --x are the same).</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    private Arguments(IReadOnlyList<string> rest) => Rest = rest;

    /// <summary>What is not a flag.</summary>
    public IReadOnlyList<string> Rest { get; private set; }

    /// <summary>Reads flags up to the first word that is none; with <paramref name="anywhere"/> also behind it.</summary>
    public static Arguments Parse(IReadOnlyList<string> words, IReadOnlyList<Flag> flags, bool anywhere)
    {
        var parsed = new Arguments([]);
        var rest = new List<string>();
        for (int i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word == "--")
            {
                rest.AddRange(words.Skip(i + 1));
                break;
            }
            if (word.Length < 2 || word[0] != '-')
            {
                rest.Add(word);
                if (anywhere) continue;
                rest.AddRange(words.Skip(i + 1));
                break;
            }
            var name = word.TrimStart('-');
            int at = name.IndexOf('=');
            var value = at < 0 ? null : name[(at + 1)..];
            if (at >= 0) name = name[..at];
            var flag = flags.FirstOrDefault(flag => flag.Is(name)) ?? throw new UsageException($"flag provided but not defined: -{name}", true);
            if (flag.Kind == FlagKind.Switch) value = BooleanOf(name, value ?? "true");
            else value ??= ++i < words.Count ? words[i] : throw new UsageException($"flag needs an argument: -{name}", true);
            if (!parsed._values.TryGetValue(flag.Name, out var all)) parsed._values[flag.Name] = all = [];
            all.Add(value);
        }
        parsed.Rest = rest;
        return parsed;
    }

    private static string BooleanOf(string name, string value) => Specs.GoSyntax.Bool(value) switch
    {
        true => "true",
        false => "false",
        null => throw new UsageException($"invalid boolean value \"{value}\" for -{name}: parse error", true),
    };

    public bool Has(string name) => _values.ContainsKey(name);
    public bool On(string name) => _values.TryGetValue(name, out var all) && all[^1] == "true";
    public string? Text(string name) => _values.TryGetValue(name, out var all) ? all[^1] : null;
    public IReadOnlyList<string> All(string name) => _values.TryGetValue(name, out var all) ? all : [];

    public int Number(string name, int otherwise = 0) => Text(name) is not { } text ? otherwise
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number
        : throw new UsageException($"invalid value \"{text}\" for flag -{name}: parse error", true);
}
