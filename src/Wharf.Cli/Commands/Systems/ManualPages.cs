using System.Text;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf __man DIR</c>: writes a manual page for each command, for packages.</summary>
internal static class ManualPages
{
    public static async Task<int> WriteAsync(CliContext cli, IReadOnlyList<string> arguments)
    {
        var directory = arguments is [var path] ? path : throw new CliException("wharf __man needs a directory");
        Directory.CreateDirectory(directory);
        int count = 0;
        foreach (var (name, entry) in Walk("wharf", Catalog.Root).Where(pair => !pair.Entry.IsHidden))
        {
            await File.WriteAllTextAsync(Path.Combine(directory, name.Replace(' ', '-') + ".1"), Page(cli, name, entry));
            count++;
        }
        await cli.Out.WriteLineAsync($"{count} pages in {directory}");
        return 0;
    }

    private static IEnumerable<(string Name, CommandEntry Entry)> Walk(string path, CommandEntry entry)
    {
        yield return (path, entry);
        foreach (var child in entry.Children)
            foreach (var below in Walk($"{path} {child.Name}", child)) yield return below;
    }

    private static string Page(CliContext cli, string name, CommandEntry entry)
    {
        var command = entry.Create?.Invoke();
        var title = name.Replace(' ', '-');
        var text = new StringBuilder($".TH {Escape(title.ToUpperInvariant())} 1 \"\" \"Wharf {ClientVersion.Product}\" \"Wharf Manual\"\n.SH NAME\n{Escape(title)} \\- {Escape(entry.Summary)}\n.SH SYNOPSIS\n");
        text.Append(".B ").Append(Escape(name)).Append('\n').Append(Escape(command?.Usage.Split('\n')[0] ?? (entry == Catalog.Root ? "[OPTIONS] COMMAND" : "COMMAND"))).Append('\n');
        if (command?.Details is { } details) text.Append(".SH DESCRIPTION\n").Append(Escape(details)).Append('\n');
        var flags = (command?.Flags ?? (entry == Catalog.Root ? cli.Options.Flags : null))?.All.Where(flag => !flag.Hidden).ToList() ?? [];
        if (flags.Count > 0) text.Append(".SH OPTIONS\n");
        foreach (var flag in flags)
            text.Append(".TP\n.B ").Append(flag.Shorthand == '\0' ? "" : $"\\-{flag.Shorthand}, ").Append(Escape("--" + flag.Name)).Append(flag.TypeName == "" ? "" : $" \\fI{Escape(flag.TypeName)}\\fR").Append('\n').Append(Escape(flag.Help)).Append('\n');
        if (entry.Children.Count > 0) text.Append(".SH COMMANDS\n");
        foreach (var child in entry.Children.Where(child => !child.IsHidden)) text.Append(".TP\n.B ").Append(Escape(child.Name)).Append('\n').Append(Escape(child.Summary)).Append(".\nSee ").Append(Escape($"{title}-{child.Name}")).Append("(1).\n");
        if (entry == Catalog.Root) text.Append(".SH FILES\n.TP\n/run/wharf/wharf.sock\nSocket of the daemon.\n.TP\n/etc/wharf/daemon.json\nConfiguration of the daemon.\n.TP\n~/.docker/config.json\nConfiguration of the client, shared with docker's.\n");
        return text.ToString();
    }

    /// <summary>A dash is a minus to troff, a dot or quote at the start of a line a request.</summary>
    private static string Escape(string text)
    {
        var escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return escaped.Length > 0 && escaped[0] is '.' or '\'' ? "\\&" + escaped : escaped;
    }
}
