using System.Globalization;
using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>The functions templates may call: Go's own and docker's additions, and those of a kind of template.</summary>
internal sealed class TemplateFunctions(IReadOnlyDictionary<string, Func<object?[], object?>> more)
{
    /// <summary>What every template may call.</summary>
    public static TemplateFunctions Common { get; } = new(new Dictionary<string, Func<object?[], object?>>());

    private static readonly Dictionary<string, Func<object?[], object?>> All = new()
    {
        ["and"] = values => values.FirstOrDefault(value => !TemplateValue.IsTrue(value), values[^1]),
        ["or"] = values => values.FirstOrDefault(TemplateValue.IsTrue, values[^1]),
        ["not"] = values => !TemplateValue.IsTrue(Only(values)),
        ["eq"] = values => values.Skip(1).Any(other => AreEqual(values[0], other)),
        ["ne"] = values => !AreEqual(values[0], values[1]),
        ["lt"] = values => Compare(values[0], values[1]) < 0,
        ["le"] = values => Compare(values[0], values[1]) <= 0,
        ["gt"] = values => Compare(values[0], values[1]) > 0,
        ["ge"] = values => Compare(values[0], values[1]) >= 0,
        ["len"] = values => Length(Only(values)),
        ["index"] = Index,
        ["slice"] = Slice,
        ["print"] = Print,
        ["println"] = values => string.Join(' ', values.Select(value => TemplateValue.Print(value, isTop: false))) + "\n",
        ["printf"] = values => TemplatePrintf.Format(Text(values[0]), values[1..]),
        ["urlquery"] = values => Uri.EscapeDataString(string.Concat(values.Select(value => TemplateValue.Print(value)))).Replace("%20", "+", StringComparison.Ordinal),
        ["html"] = values => TemplateEscapes.Html(string.Concat(values.Select(value => TemplateValue.Print(value)))),
        ["js"] = values => TemplateEscapes.JavaScript(string.Concat(values.Select(value => TemplateValue.Print(value)))),
        ["json"] = values => TemplateValue.ToJson(Only(values)),
        ["split"] = values => Text(values[0]).Split(Text(values[1])).Cast<object?>().ToList(),
        ["join"] = values => string.Join(Text(values[1]), List(values[0]).Select(value => TemplateValue.Print(value))),
        ["title"] = values => Title(Text(Only(values))),
        ["lower"] = values => Text(Only(values)).ToLowerInvariant(),
        ["upper"] = values => Text(Only(values)).ToUpperInvariant(),
        ["pad"] = values => Text(values[0]) is { Length: > 0 } text ? new string(' ', (int)Whole(values[1])) + text + new string(' ', (int)Whole(values[2])) : "",
        ["truncate"] = values => Text(values[0]) is var text && Whole(values[1]) is var length && text.Length > length ? text[..(int)Math.Max(0, length)] : text,
    };

    private static readonly Dictionary<string, int> Needed = new()
    {
        ["and"] = 1,
        ["or"] = 1,
        ["eq"] = 2,
        ["ne"] = 2,
        ["lt"] = 2,
        ["le"] = 2,
        ["gt"] = 2,
        ["ge"] = 2,
        ["index"] = 1,
        ["slice"] = 1,
        ["printf"] = 1,
        ["split"] = 2,
        ["join"] = 2,
        ["pad"] = 3,
        ["truncate"] = 2,
        ["not"] = 1,
        ["len"] = 1,
        ["json"] = 1,
        ["title"] = 1,
        ["lower"] = 1,
        ["upper"] = 1,
    };

    public bool Exists(string name) => more.ContainsKey(name) || All.ContainsKey(name);

    /// <summary>In a heading there is nothing to change: functions give their first value back.</summary>
    public static bool IsForHeading(string name) => name is "json" or "split" or "join" or "title" or "lower" or "upper" or "pad" or "truncate";

    public object? Call(string name, object?[] values)
    {
        if (more.TryGetValue(name, out var own)) return own(values);
        if (Needed.TryGetValue(name, out var needed) && values.Length < needed) throw new FormatException($"wrong number of args for {name}: want {(name is "and" or "or" or "index" or "printf" or "eq" ? "at least " : "")}{needed} got {values.Length}");
        return All[name](values);
    }

    private static object? Only(object?[] values) => values.Length == 1 ? values[0] : throw new FormatException($"wrong number of args: want 1 got {values.Length}");
    private static string Text(object? value) => value as string ?? throw new FormatException($"wrong type for value; expected string; got {TypeName(value)}");
    private static long Whole(object? value) => value is long number ? number : throw new FormatException($"wrong type for value; expected int; got {TypeName(value)}");
    private static IReadOnlyList<object?> List(object? value) => value as IReadOnlyList<object?> ?? throw new FormatException($"wrong type for value; expected []string; got {TypeName(value)}");

    public static string TypeName(object? value) => value switch
    {
        null => "nil",
        bool => "bool",
        long => "int",
        double => "float64",
        string => "string",
        IReadOnlyList<object?> => "[]interface {}",
        TemplateObject { IsMap: true } => "map[string]interface {}",
        TemplateObject { TypeName: { Length: > 0 } name } => name,
        _ => "struct",
    };

    private static bool AreEqual(object? left, object? right)
    {
        if (left is null || right is null) return left is null && right is null;
        if (left is IReadOnlyList<object?> or TemplateObject || right is IReadOnlyList<object?> or TemplateObject) throw new FormatException("error calling eq: non-comparable type");
        if (left is long whole && right is double real) return whole == real;
        if (left is double first && right is long second) return first == second;
        if (left.GetType() != right.GetType()) throw new FormatException("error calling eq: incompatible types for comparison");
        return left.Equals(right);
    }

    private static int Compare(object? left, object? right) => (left, right) switch
    {
        (long a, long b) => a.CompareTo(b),
        (long or double, long or double) => Convert.ToDouble(left, CultureInfo.InvariantCulture).CompareTo(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
        (string a, string b) => string.CompareOrdinal(a, b),
        _ => throw new FormatException("error calling lt: incompatible types for comparison"),
    };

    private static object Length(object? value) => value switch
    {
        string text => (long)Encoding.UTF8.GetByteCount(text),
        IReadOnlyList<object?> list => (long)list.Count,
        TemplateObject { IsMap: true } map => (long)map.Count,
        _ => throw new FormatException($"error calling len: len of type {TypeName(value)}"),
    };

    private static object? Index(object?[] values)
    {
        var value = values[0];
        foreach (var key in values.Skip(1))
        {
            value = value switch
            {
                TemplateObject { IsMap: true } map => map.TryGet(Text(key), out var found) ? found : map.Fields.Any(field => field.Value is not string) ? null : "",
                TemplateObject fields => fields.TryGet(Text(key), out var found) ? found : throw new FormatException($"error calling index: can't index item of type {TypeName(value)}"),
                IReadOnlyList<object?> list => Whole(key) is var at && at >= 0 && at < list.Count ? list[(int)at] : throw new FormatException($"error calling index: index out of range: {key}"),
                string text => Whole(key) is var at && at >= 0 && at < text.Length ? (long)text[(int)at] : throw new FormatException("error calling index: index out of range: " + key),
                null => throw new FormatException("error calling index: index of untyped nil"),
                _ => throw new FormatException($"error calling index: can't index item of type {TypeName(value)}"),
            };
        }
        return value;
    }

    private static object? Slice(object?[] values)
    {
        var length = values[0] switch
        {
            string text => text.Length,
            IReadOnlyList<object?> list => list.Count,
            _ => throw new FormatException($"error calling slice: can't slice item of type {TypeName(values[0])}"),
        };
        var from = values.Length > 1 ? Whole(values[1]) : 0;
        var to = values.Length > 2 ? Whole(values[2]) : length;
        if (from < 0 || to > length || from > to) throw new FormatException($"error calling slice: index out of range: {to}");
        return values[0] is string whole ? whole[(int)from..(int)to] : ((IReadOnlyList<object?>)values[0]!).Skip((int)from).Take((int)(to - from)).ToList();
    }

    /// <summary>Go's Sprint puts a space between two values when neither is a string.</summary>
    private static object Print(object?[] values)
    {
        var text = new StringBuilder();
        for (var i = 0; i < values.Length; i++)
        {
            if (i > 0 && values[i] is not string && values[i - 1] is not string) text.Append(' ');
            text.Append(TemplateValue.Print(values[i], isTop: false));
        }
        return text.ToString();
    }

    private static string Title(string text)
    {
        var result = text.ToCharArray();
        for (var i = 0; i < result.Length; i++)
        {
            if (i == 0 || !(char.IsLetterOrDigit(result[i - 1]) || result[i - 1] is '_' or '\'')) result[i] = char.ToUpperInvariant(result[i]);
        }
        return new string(result);
    }
}
