using System.Text;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output.Templates;

namespace Wharf.Cli.Output;

/// <summary>A column of a list: its name in templates, its heading, and how a row fills it.</summary>
internal sealed record Column<TRow>(string Name, string Heading, Func<TRow, object?> Value);

/// <summary>Prints rows by <c>--format</c>: a table, a table of one's own columns, JSON lines, or any Go template.</summary>
internal sealed class Listing<TRow>
{
    /// <summary>Go's name of docker's type, for the message about an unknown field.</summary>
    public string TypeName { get; init; } = "*formatter.Context";
    /// <summary>The columns, in any order.</summary>
    public required IReadOnlyList<Column<TRow>> Columns { get; init; }
    /// <summary>What <c>table</c> alone shows.</summary>
    public required string TableFormat { get; init; }
    /// <summary>What <c>-q</c> shows.</summary>
    public string? QuietFormat { get; init; }
    /// <summary>What <c>raw</c> shows, where docker has it.</summary>
    public string? RawFormat { get; init; }
    /// <summary>ps runs its template once before it asks the daemon, and names what failed; the other lists have one message for both.</summary>
    public bool NamesTemplateStep { get; init; }
    /// <summary>Adds fields that take arguments, such as <c>.Label "x"</c>; called with null for the heading.</summary>
    public Action<TemplateObject, TRow?>? AddMethods { get; init; }

    public string Render(string format, bool isQuiet, IReadOnlyList<TRow> rows)
    {
        var isTable = format.StartsWith("table", StringComparison.Ordinal);
        var source = format == "table" && isQuiet && QuietFormat is not null ? QuietFormat
            : format == "table" ? TableFormat
            : format == "raw" && RawFormat is not null ? isQuiet && QuietFormat is not null ? QuietFormat : RawFormat
            : format == "json" ? "{{json .}}"
            : isTable ? format["table".Length..].TrimStart(' ') : format;
        if (format == "table" && isQuiet && QuietFormat is not null) isTable = false;
        var template = ParseFormat(source);
        var text = new StringBuilder();
        if (isTable) text.Append(Execute(template, Heading(), isHeading: true)).Append('\n');
        foreach (var row in rows) text.Append(Execute(template, ToObject(row))).Append('\n');
        return isTable ? TabWriter.Align(text.ToString(), minWidth: 10, padding: 3) : text.ToString();
    }

    /// <summary>The rows as templates see them.</summary>
    public List<object?> Objects(IEnumerable<TRow> rows) => [.. rows.Select(ToObject)];

    /// <summary>A backslash and a letter in a format typed at a shell mean a tab and a new line.</summary>
    private Template ParseFormat(string source)
    {
        try
        {
            return Template.Parse(source.Replace("\\t", "\t", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal));
        }
        catch (TemplateException e)
        {
            throw new CliException($"{(NamesTemplateStep ? "failed to parse template" : "template parsing error")}: {e.Message}", 1, e);
        }
    }

    private string Execute(Template template, TemplateObject value, bool isHeading = false)
    {
        try
        {
            return template.Execute(value, isHeading);
        }
        catch (TemplateException e)
        {
            throw new CliException($"{(NamesTemplateStep ? "failed to execute template" : "template parsing error")}: {e.Message}", 1, e);
        }
    }

    private TemplateObject Heading()
    {
        var fields = new TemplateObject { TypeName = TypeName, IsRow = true };
        foreach (var column in Columns) fields[column.Name] = column.Heading;
        AddMethods?.Invoke(fields, default);
        return fields;
    }

    private TemplateObject ToObject(TRow row)
    {
        var fields = new TemplateObject { TypeName = TypeName, IsRow = true };
        foreach (var column in Columns.OrderBy(column => column.Name, StringComparer.Ordinal)) fields.Add(column.Name, () => column.Value(row));
        AddMethods?.Invoke(fields, row);
        return fields;
    }
}
