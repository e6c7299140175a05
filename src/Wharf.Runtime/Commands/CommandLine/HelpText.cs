using System.Text;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>What --help and --version print; the headings and the first line's form are those tools look for.</summary>
internal static class HelpText
{
    private static readonly string Number = typeof(HelpText).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    public static string Version(string application) => $"{application} version {Number}\ncommit: wharf\nspec: {new Spec().OciVersion}\n";

    public static string OfApplication(string application, IReadOnlyList<RuntimeCommand> commands)
    {
        var text = new StringBuilder();
        text.Append($"NAME:\n   {application} - Open Container Initiative runtime\n\n");
        text.Append("Runs containers from OCI bundles: directories with a config.json and a root file system.\n\n");
        text.Append($"USAGE:\n   {application} [global options] command [command options] [arguments...]\n\nVERSION:\n   {Number}\ncommit: wharf\nspec: {new Spec().OciVersion}\n\nCOMMANDS:\n");
        foreach (var command in commands) text.Append($"   {command.Name,-11} {command.Summary}\n");
        text.Append("   help, h     shows the commands, or help for one of them\n\nGLOBAL OPTIONS:\n");
        AppendFlags(text, Application.GlobalFlags);
        return text.ToString();
    }

    public static string OfCommand(string application, RuntimeCommand command)
    {
        var text = new StringBuilder();
        text.Append($"NAME:\n   {application} {command.Name} - {command.Summary}\n\nUSAGE:\n   {application} {command.Name}{(command.Flags.Count > 0 ? " [command options]" : "")} {command.Usage}\n");
        if (command.Description.Length > 0) text.Append($"\nDESCRIPTION:\n   {command.Description}\n");
        if (command.Flags.Count == 0) return text.ToString();
        text.Append("\nOPTIONS:\n");
        AppendFlags(text, command.Flags);
        return text.ToString();
    }

    private static void AppendFlags(StringBuilder text, IReadOnlyList<Flag> flags)
    {
        var names = flags.Select(flag => $"--{flag.Name}{ValueOf(flag)}{(flag.Short is null ? "" : $", -{flag.Short}{ValueOf(flag)}")}").ToArray();
        int width = names.Max(name => name.Length);
        for (int i = 0; i < names.Length; i++)
            text.Append($"   {names[i].PadRight(width)}  {flags[i].Help}{(flags[i].Default is { } value ? $" (default: \"{value}\")" : "")}\n");
    }

    private static string ValueOf(Flag flag) => flag.Kind == FlagKind.Switch ? "" : " value";
}
