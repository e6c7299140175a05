using System.Globalization;
using System.Text;

namespace Wharf.Cli.Recipes;

/// <summary>A recipe as a systemd service that runs the container in the foreground: systemd restarts it, and its exit code is the service's.</summary>
internal static class SystemdForm
{
    private const long DefaultGrace = 10;

    public static string Of(ContainerRecipe recipe, string program)
    {
        var form = RunForm.Of(recipe);
        var grace = recipe.Request.StopTimeout ?? DefaultGrace;
        // These are the service's to decide: where it restarts, and that it stays in the foreground without a terminal.
        var flags = form.Flags.Where(flag => flag[0] is not ("--restart" or "--rm" or "--interactive" or "--tty"));
        var text = new StringBuilder();
        foreach (var note in form.Notes) text.Append($"# {note}\n");
        text.Append($"[Unit]\nDescription=Container {recipe.Name.Replace("%", "%%", StringComparison.Ordinal)}\nWants=network-online.target\nAfter=network-online.target wharf.service\n\n[Service]\nType=exec\n");
        text.Append($"ExecStart={program} run \\\n  --rm --replace --name {Word(recipe.Name)} \\\n");
        foreach (var flag in flags) text.Append("  ").AppendJoin(' ', flag.Select(Word)).Append(" \\\n");
        text.Append("  ").AppendJoin(' ', form.Arguments.Select(Word)).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"ExecStop={program} stop --ignore --timeout {grace} {Word(recipe.Name)}\nTimeoutStopSec={(grace < 0 ? "infinity" : (grace + 10).ToString(CultureInfo.InvariantCulture))}\n");
        text.Append($"Restart={RestartOf(recipe)}\n\n[Install]\nWantedBy=multi-user.target\n");
        return text.ToString();
    }

    private static string RestartOf(ContainerRecipe recipe) => recipe.Host.RestartPolicy?.Name switch
    {
        "always" or "unless-stopped" => "always",
        "on-failure" => "on-failure",
        _ => "no",
    };

    /// <summary>systemd.service(5), "Command lines": double quotes with C escapes; <c>$</c> and <c>%</c> stand for themselves when doubled.</summary>
    private static string Word(string text)
    {
        const string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@+,";
        if (text != "" && text.AsSpan().IndexOfAnyExcept(plain) < 0) return text;
        var word = new StringBuilder("\"");
        foreach (var c in text)
        {
            switch (c)
            {
                case '"' or '\\': word.Append('\\').Append(c); break;
                case '$' or '%': word.Append(c).Append(c); break;
                case '\n': word.Append("\\n"); break;
                case '\t': word.Append("\\t"); break;
                case '\r': word.Append("\\r"); break;
                default: word.Append(c); break;
            }
        }
        return word.Append('"').ToString();
    }
}
