using Wharf.Specs;

namespace Wharf.Cli.Output;

/// <summary>Quotes text the way Go's <c>%q</c> does, which docker's messages and templates use.</summary>
internal static class Quoting
{
    public static string Quote(string text) => GoSyntax.Quoted(text);
}
