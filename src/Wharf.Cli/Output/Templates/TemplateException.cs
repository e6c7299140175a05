using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Output.Templates;

/// <summary>A template that cannot be read or carried out, in the words of Go's text/template.</summary>
internal sealed class TemplateException(string message) : CliException(message)
{
    /// <summary>Whether it failed on the data rather than on its own grammar.</summary>
    public bool IsExecution { get; init; }
}
