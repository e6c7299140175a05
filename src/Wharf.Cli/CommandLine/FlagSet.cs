namespace Wharf.Cli.CommandLine;

/// <summary>The flags of one command and the parser for them.</summary>
internal sealed class FlagSet
{
    private readonly Dictionary<string, Flag> byName = [];
    private readonly Dictionary<char, Flag> byShorthand = [];

    /// <summary>False for commands that pass the words after their first argument on (run, exec, create).</summary>
    public bool Interspersed { get; set; } = true;
    /// <summary>Sorted by name, as help shows them.</summary>
    public IEnumerable<Flag> All => byName.Where(pair => pair.Key == pair.Value.Name).Select(pair => pair.Value).OrderBy(flag => flag.Name, StringComparer.Ordinal);

    /// <summary>The flag of this name; null when there is none.</summary>
    public Flag? Find(string name) => byName.GetValueOrDefault(name);

    public T Add<T>(T flag) where T : Flag
    {
        byName.Add(flag.Name, flag);
        if (flag.Shorthand != '\0') byShorthand.Add(flag.Shorthand, flag);
        return flag;
    }

    /// <summary>A second spelling of a flag that help does not show.</summary>
    public void Alias(string alias, Flag flag) => byName.Add(alias, flag);

    public BoolFlag Bool(string name, char shorthand, string help, bool initial = false) => Add(new BoolFlag(name, shorthand, help, initial) { DefaultText = initial ? "true" : null });
    public BoolFlag Bool(string name, string help, bool initial = false) => Bool(name, '\0', help, initial);
    public StringFlag String(string name, char shorthand, string help, string initial = "") => Add(new StringFlag(name, shorthand, help, initial) { DefaultText = initial == "" ? null : Output.Quoting.Quote(initial) });
    public StringFlag String(string name, string help, string initial = "") => String(name, '\0', help, initial);
    public IntFlag Int(string name, char shorthand, string help, long initial = 0) => Add(new IntFlag(name, shorthand, help, initial) { DefaultText = initial == 0 ? null : initial.ToString(System.Globalization.CultureInfo.InvariantCulture) });
    public IntFlag Int(string name, string help, long initial = 0) => Int(name, '\0', help, initial);
    public ListFlag List(string name, char shorthand, string help, string typeName = "list") => Add(new ListFlag(name, shorthand, help, typeName));
    public ListFlag List(string name, string help) => List(name, '\0', help);
    public StringsFlag Strings(string name, string help) => Add(new StringsFlag(name, '\0', help));
    public BytesFlag Bytes(string name, char shorthand, string help) => Add(new BytesFlag(name, shorthand, help));
    public BytesFlag Bytes(string name, string help) => Bytes(name, '\0', help);
    public DurationFlag Duration(string name, string help) => Add(new DurationFlag(name, '\0', help) { DefaultText = "0s" });
    public MapFlag Map(string name, char shorthand, string help) => Add(new MapFlag(name, shorthand, help) { DefaultText = "map[]" });
    public MapFlag Map(string name, string help) => Map(name, '\0', help);

    /// <summary>Reads flags and returns the other words in order. Throws <see cref="UsageException"/> or <see cref="HelpRequestedException"/>.</summary>
    public List<string> Parse(IReadOnlyList<string> words)
    {
        var positional = new List<string>();
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word == "--")
            {
                positional.AddRange(words.Skip(i + 1));
                break;
            }
            if (word.Length < 2 || word[0] != '-')
            {
                positional.Add(word);
                if (Interspersed) continue;
                positional.AddRange(words.Skip(i + 1));
                break;
            }
            if (word[1] == '-') ParseLong(word, words, ref i);
            else ParseShort(word, words, ref i);
        }
        return positional;
    }

    private void ParseLong(string word, IReadOnlyList<string> words, ref int index)
    {
        var equals = word.IndexOf('=');
        var name = equals < 0 ? word[2..] : word[2..equals];
        if (name.Length == 0 || name[0] == '-') throw new UsageException($"bad flag syntax: {word}");
        if (!byName.TryGetValue(name, out var flag))
        {
            if (name == "help") throw new HelpRequestedException();
            throw new UsageException($"unknown flag: --{name}");
        }
        if (equals >= 0) Set(flag, word[(equals + 1)..]);
        else if (flag.IsSwitch) Set(flag, "true");
        else if (index + 1 < words.Count) Set(flag, words[++index]);
        else throw new UsageException($"flag needs an argument: --{name}");
    }

    private void ParseShort(string word, IReadOnlyList<string> words, ref int index)
    {
        for (var at = 1; at < word.Length; at++)
        {
            if (!byShorthand.TryGetValue(word[at], out var flag))
            {
                if (word[at] == 'h') throw new HelpRequestedException();
                throw new UsageException($"unknown shorthand flag: '{word[at]}' in -{word[at..]}");
            }
            var rest = word[(at + 1)..];
            if (rest.Length > 1 && rest[0] == '=') { Set(flag, rest[1..]); return; }
            if (flag.IsSwitch) { Set(flag, "true"); continue; }
            if (rest.Length > 0) { Set(flag, rest); return; }
            if (index + 1 >= words.Count) throw new UsageException($"flag needs an argument: '{word[at]}' in -{word[at..]}");
            Set(flag, words[++index]);
            return;
        }
    }

    private static void Set(Flag flag, string text)
    {
        try
        {
            flag.Set(text);
        }
        catch (FormatException e)
        {
            throw new UsageException($"invalid argument {Output.Quoting.Quote(text)} for \"{flag.Spelling}\" flag: {e.Message}", e);
        }
    }
}
