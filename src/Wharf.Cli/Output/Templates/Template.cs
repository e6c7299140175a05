using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>A Go template ready to be carried out on any number of values.</summary>
internal sealed class Template
{
    private readonly string source;
    private readonly IReadOnlyList<Node> nodes;
    private readonly TemplateFunctions functions;

    private Template(string source, TemplateFunctions functions) => (this.source, this.functions, nodes) = (source, functions, TemplateParser.Parse(source, functions));

    /// <summary>Reads a template; throws <see cref="TemplateException"/>.</summary>
    /// <param name="source">Its text.</param>
    /// <param name="functions">What it may call; null for what all templates may.</param>
    public static Template Parse(string source, TemplateFunctions? functions = null) => new(source, functions ?? TemplateFunctions.Common);

    /// <param name="data">What the template's dot is.</param>
    /// <param name="isHeading">The values are a table's headings, which docker's functions leave alone.</param>
    public string Execute(object? data, bool isHeading = false)
    {
        var output = new StringBuilder();
        new TemplateExecution(source, functions, output, data, isHeading).Run(nodes);
        return output.ToString();
    }
}
