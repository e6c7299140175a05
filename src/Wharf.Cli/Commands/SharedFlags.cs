using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>Flags that many commands share.</summary>
internal static class SharedFlags
{
    public const string FormatHelp = "How to print: 'table', 'table TEMPLATE', 'json', or a Go template";

    public static ListFlag AddFilter(this FlagSet flags, char shorthand = 'f', string help = "Only those that meet these conditions")
        => flags.Add(new ListFlag("filter", shorthand, help, "filter") { Check = CheckFilter });

    public static StringFlag AddFormat(this FlagSet flags, char shorthand = '\0', string help = FormatHelp) => flags.String("format", shorthand, help);

    private static string CheckFilter(string text)
        => text.Contains('=') || text == "" ? text : throw new FormatException("bad format of filter (expected name=value)");
}
