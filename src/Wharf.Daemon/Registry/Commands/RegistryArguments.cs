using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>The flags and arguments of a registry command; InvalidArgument for a flag it does not know.</summary>
internal sealed class RegistryArguments
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    /// <param name="args">What follows the command's name.</param>
    /// <param name="valued">Flags that take a value.</param>
    /// <param name="switches">Flags that do not.</param>
    public RegistryArguments(IReadOnlyList<string> args, string[] valued, string[] switches)
    {
        for (int i = 0; i < args.Count; i++)
        {
            if (!args[i].StartsWith('-'))
            {
                Words.Add(args[i]);
                continue;
            }
            int equals = args[i].IndexOf('=');
            var name = equals > 0 ? args[i][..equals] : args[i];
            if (switches.Contains(name)) Add(name, "true");
            else if (valued.Contains(name)) Add(name, equals > 0 ? args[i][(equals + 1)..] : ++i < args.Count ? args[i] : throw WharfException.Invalid($"flag needs an argument: {name}"));
            else throw WharfException.Invalid($"unknown flag: {name}");
        }
    }

    public List<string> Words { get; } = [];
    public bool Has(string name) => _values.ContainsKey(name);
    public string? One(string name) => _values.TryGetValue(name, out var values) ? values[^1] : null;
    public IReadOnlyList<string> All(string name) => _values.GetValueOrDefault(name) ?? [];

    /// <summary>The words, of which there must be so many.</summary>
    public IReadOnlyList<string> Exactly(int count, string usage) => Words.Count == count ? Words : throw WharfException.Invalid($"expected: {usage}");

    private void Add(string name, string value)
    {
        if (!_values.TryGetValue(name, out var values)) _values[name] = values = [];
        values.Add(value);
    }
}
