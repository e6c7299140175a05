using System.Text;

namespace Wharf.Cli.CommandLine;

/// <summary>Writes <c>--help</c> in docker's layout.</summary>
internal static class HelpText
{
    private const int Width = 80;

    public static string ForCommand(string path, CommandEntry entry, Command command)
    {
        var text = new StringBuilder();
        AppendUsage(text, path, command);
        text.Append('\n').Append(entry.Summary).Append('\n');
        if (command.Details is { } details) text.Append('\n').Append(details).Append('\n');
        if (entry.Spellings.Count > 1)
            text.Append("\nAliases:\n  ").AppendJoin(", ", entry.Spellings.Select(spelling => $"{CliContext.Program} {spelling}")).Append('\n');
        if (command.Flags.All.Any(flag => !flag.Hidden)) AppendFlags(text.Append("\nOptions:\n"), command.Flags);
        return text.ToString();
    }

    public static string ForNoun(string path, CommandEntry entry)
    {
        var text = new StringBuilder($"Usage:  {path} COMMAND\n\n{entry.Summary}\n");
        AppendChildren(text, "Commands", entry.Children);
        return text.Append($"\nRun '{path} COMMAND --help' for more information on a command.\n").ToString();
    }

    public static string ForProgram(CommandEntry root, FlagSet globals, IEnumerable<string> plugins)
    {
        var text = new StringBuilder($"Usage:  {CliContext.Program} [OPTIONS] COMMAND\n\n{root.Summary}\n");
        foreach (var group in root.Children.GroupBy(child => child.Group)) AppendChildren(text, group.Key, group);
        text.Append("\nServer Commands:\n  daemon      Run the engine\n  registry    Run a registry, or look after one\n");
        var found = plugins.ToList();
        if (found.Count > 0) text.Append("\nDocker's plugins on this machine:\n  ").AppendJoin(", ", found).Append('\n');
        AppendFlags(text.Append("\nGlobal Options:\n"), globals);
        return text.Append($"\nRun '{CliContext.Program} COMMAND --help' for more information on a command.\n").ToString();
    }

    /// <summary>The short form that follows an error.</summary>
    public static string Usage(string path, Command command)
    {
        var text = new StringBuilder();
        AppendUsage(text, path, command);
        return text.ToString();
    }

    private static void AppendUsage(StringBuilder text, string path, Command command)
    {
        var forms = command.Usage.Split('\n');
        text.Append($"Usage:  {path} {forms[0]}".TrimEnd()).Append('\n');
        foreach (var form in forms.Skip(1)) text.Append($"\t{path} {form}\n");
    }

    private static void AppendChildren(StringBuilder text, string heading, IEnumerable<CommandEntry> children)
    {
        text.Append($"\n{heading}:\n");
        foreach (var child in children.Where(child => !child.IsHidden)) text.Append($"  {child.Name,-11} {child.Summary}\n");
    }

    private static void AppendFlags(StringBuilder text, FlagSet flags)
    {
        var rows = flags.All.Where(flag => !flag.Hidden).Select(flag => (Left: Left(flag), flag.Help, flag.DefaultText)).ToList();
        var column = rows.Max(row => row.Left.Length) + 3;
        foreach (var (left, help, initial) in rows)
        {
            text.Append(left.PadRight(column));
            AppendWrapped(text, initial is null ? help : $"{help} (default {initial})", column);
        }
    }

    private static string Left(Flag flag)
    {
        var shorthand = flag.Shorthand == '\0' ? "      " : $"  -{flag.Shorthand}, ";
        return $"{shorthand}--{flag.Name}{(flag.TypeName == "" ? "" : " " + flag.TypeName)}";
    }

    private static void AppendWrapped(StringBuilder text, string help, int column)
    {
        var used = column;
        foreach (var (word, i) in help.Split(' ').Select((word, i) => (word, i)))
        {
            if (i > 0 && used + 1 + word.Length > Width)
            {
                text.Append('\n').Append(' ', column);
                used = column;
            }
            else if (i > 0)
            {
                text.Append(' ');
                used++;
            }
            text.Append(word);
            used += word.Length;
        }
        text.Append('\n');
    }
}
