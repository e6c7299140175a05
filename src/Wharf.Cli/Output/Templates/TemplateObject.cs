namespace Wharf.Cli.Output.Templates;

/// <summary>A field that takes arguments in a template: <c>.Label "x"</c>.</summary>
internal delegate object? TemplateMethod(IReadOnlyList<object?> arguments);

/// <summary>
/// What templates see as an object: named values in order. A struct has a fixed set of fields and prints as <c>{a b}</c>;
/// a map may hold any key, prints as <c>map[k:v]</c>, and gives an empty value for a key that is not there when indexed.
/// </summary>
internal sealed class TemplateObject
{
    private readonly Dictionary<string, object?> values = [];
    private readonly List<string> order = [];

    public bool IsMap { get; init; }
    /// <summary>A row of a list, as opposed to something the API sent.</summary>
    public bool IsRow { get; init; }
    /// <summary>Go's name of the type, for the message about an unknown field.</summary>
    public string TypeName { get; set; } = "";

    public IEnumerable<KeyValuePair<string, object?>> Fields => order.Select(key => new KeyValuePair<string, object?>(key, values[key]));
    public int Count => order.Count;

    public object? this[string key]
    {
        set
        {
            if (!values.ContainsKey(key)) order.Add(key);
            values[key] = value;
        }
    }

    /// <summary>A value computed when a template asks for it.</summary>
    public TemplateObject Add(string key, Func<object?> value)
    {
        this[key] = value;
        return this;
    }

    public bool TryGet(string key, out object? value)
    {
        if (!values.TryGetValue(key, out value)) return false;
        if (value is Func<object?> lazy) value = lazy();
        return true;
    }
}
