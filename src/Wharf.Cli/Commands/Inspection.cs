using System.Text;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Output.Templates;

namespace Wharf.Cli.Commands;

/// <summary>Prints what the API says of each object: as an indented list, or by a template.</summary>
internal static class Inspection
{
    /// <param name="cli">Where to print.</param>
    /// <param name="format">Empty, <c>json</c>, or a template.</param>
    /// <param name="names">The objects asked for.</param>
    /// <param name="get">Gives an object's JSON as received.</param>
    public static async Task<int> RunAsync(CliContext cli, string format, IReadOnlyList<string> names, Func<string, Task<byte[]>> get)
    {
        var template = format is "" or "json" ? null : Parse(format);
        var found = new List<string>();
        var errors = new List<string>();
        foreach (var name in names)
        {
            try
            {
                found.Add(Encoding.UTF8.GetString(await get(name)));
            }
            catch (CliException e) when (e is not ConnectException)
            {
                errors.Add(e.Message);
            }
        }
        if (format == "json") await cli.Out.WriteAsync($"[{string.Join(',', found.Select(json => json.Trim()))}]\n");
        else if (template is null) await cli.Out.WriteAsync(found.Count == 0 ? "[]\n" : JsonIndent.Format($"[{string.Join(',', found)}]") + "\n");
        else await WriteAsync(cli, template, found);
        foreach (var error in errors) await cli.Error.WriteLineAsync(error);
        return errors.Count == 0 ? 0 : 1;
    }

    private static async Task WriteAsync(CliContext cli, Template template, List<string> found)
    {
        try
        {
            await cli.Out.WriteAsync(Execute(template, found));
        }
        catch (InspectionException e)
        {
            // What came before the one that failed is still worth having.
            await cli.Out.WriteAsync(e.SoFar);
            throw;
        }
    }

    private sealed class InspectionException(string soFar, string message, Exception inner) : CliException(message, 1, inner)
    {
        public string SoFar { get; } = soFar;
    }

    private static Template Parse(string format)
    {
        try
        {
            return Template.Parse(format);
        }
        catch (TemplateException e)
        {
            throw new CliException($"template parsing error: {e.Message}", 64, e);
        }
    }

    private static string Execute(Template template, List<string> objects)
    {
        var text = new StringBuilder();
        foreach (var json in objects)
        {
            using var document = JsonDocument.Parse(json);
            try
            {
                text.Append(template.Execute(TemplateValue.FromJson(document.RootElement))).Append('\n');
            }
            catch (TemplateException e)
            {
                throw new InspectionException(text.Append('\n').ToString(), $"template parsing error: {e.Message}", e);
            }
        }
        return text.ToString();
    }
}
