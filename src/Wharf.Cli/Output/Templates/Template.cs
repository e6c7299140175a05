using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>A Go template ready to be carried out on any number of values.</summary>
internal sealed class Template
{
    private readonly string source;
    private readonly IReadOnlyList<Node> nodes;

    private Template(string source, IReadOnlyList<Node> nodes) => (this.source, this.nodes) = (source, nodes);

    /// <summary>Reads a template; throws <see cref="TemplateException"/>.</summary>
    public static Template Parse(string source) => new(source, TemplateParser.Parse(source));

    /// <param name="data">What the template's dot is.</param>
    /// <param name="isHeading">The values are a table's headings, which docker's functions leave alone.</param>
    public string Execute(object? data, bool isHeading = false)
    {
        var output = new StringBuilder();
        new TemplateExecution(source, output, data, isHeading).Run(nodes);
        return output.ToString();
    }
}
