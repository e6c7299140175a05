using System.Globalization;
using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>Go's <c>printf</c> for the verbs that make sense on an API's values.</summary>
internal static class TemplatePrintf
{
    public static string Format(string format, ReadOnlySpan<object?> values)
    {
        var text = new StringBuilder();
        var used = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%') { text.Append(format[i]); continue; }
            var from = ++i;
            while (i < format.Length && "+-# 0".Contains(format[i])) i++;
            var flags = format[from..i];
            var width = ReadNumber(format, ref i);
            int? precision = null;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                precision = ReadNumber(format, ref i) ?? 0;
            }
            if (i >= format.Length) { text.Append("%!(NOVERB)"); break; }
            if (format[i] == '%') { text.Append('%'); continue; }
            if (used >= values.Length) { text.Append($"%!{format[i]}(MISSING)"); continue; }
            text.Append(Pad(Verb(format[i], values[used++], precision, flags), width ?? 0, flags));
        }
        if (used < values.Length)
        {
            text.Append("%!(EXTRA ");
            for (var i = used; i < values.Length; i++) text.Append(i > used ? ", " : "").Append($"{TemplateFunctions.TypeName(values[i])}={TemplateValue.Print(values[i], isTop: false)}");
            text.Append(')');
        }
        return text.ToString();
    }

    private static int? ReadNumber(string format, ref int i)
    {
        var from = i;
        while (i < format.Length && char.IsAsciiDigit(format[i])) i++;
        // A width nobody needs would only be a way to ask for memory.
        return i == from ? null : Math.Min(10_000, int.TryParse(format.AsSpan(from, i - from), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 10_000);
    }

    private static string Pad(string value, int width, string flags)
    {
        if (value.Length >= width) return value;
        if (flags.Contains('-')) return value.PadRight(width);
        if (!flags.Contains('0')) return value.PadLeft(width);
        return value is ['-' or '+', ..] ? value[0] + value[1..].PadLeft(width - 1, '0') : value.PadLeft(width, '0');
    }

    private static string Verb(char verb, object? value, int? precision, string flags) => (verb, value) switch
    {
        ('v' or 's', string text) => precision is { } limit && text.Length > limit ? text[..limit] : text,
        ('v', _) => TemplateValue.Print(value, isTop: false),
        ('s', IReadOnlyList<object?> or TemplateObject) => TemplateValue.Print(value, isTop: false),
        ('q', string text) => Quoting.Quote(text),
        ('d', long number) => (flags.Contains('+') && number >= 0 ? "+" : "") + number.ToString(CultureInfo.InvariantCulture),
        ('x', long number) => number.ToString("x", CultureInfo.InvariantCulture),
        ('X', long number) => number.ToString("X", CultureInfo.InvariantCulture),
        ('o', long number) => Convert.ToString(number, 8),
        ('b', long number) => Convert.ToString(number, 2),
        ('c', long number) => char.ConvertFromUtf32((int)number),
        ('x', string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)),
        ('t', bool flag) => flag ? "true" : "false",
        ('f' or 'F', double number) => number.ToString($"F{precision ?? 6}", CultureInfo.InvariantCulture),
        ('g', double number) => precision is { } digits ? GoFormat.General(number, Math.Max(1, digits)) : GoFormat.Shortest(number),
        ('T', _) => TemplateFunctions.TypeName(value),
        _ => $"%!{verb}({TemplateFunctions.TypeName(value)}={TemplateValue.Print(value, isTop: false)})",
    };
}
