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

    public string Execute(object? data)
    {
        var output = new StringBuilder();
        new TemplateExecution(source, output, data).Run(nodes);
        return output.ToString();
    }
}
