using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Output.Templates;

namespace Wharf.Cli.Plugins;

/// <summary>
/// Docker's hooks: config.json's <c>plugins.NAME.hooks</c> names commands after which the plugin NAME is asked what to do next. Only on a terminal, and where DOCKER_CLI_HOOKS,
/// DOCKER_CLI_HINTS or config.json's <c>features.hooks</c> switches it on. A plugin that fails, or whose answer cannot be read, is passed over: the command has done its work.
/// </summary>
internal sealed class PluginHooks(CliContext cli)
{
    public bool AreWanted(HookedCommand command) => Terminal.IsTerminal(1) && IsOn() && Matching(command).Any();

    /// <summary>Asks each plugin that the command is of interest to, and prints what they say.</summary>
    public async Task RunAsync(HookedCommand command)
    {
        var steps = new List<string>();
        foreach (var (name, path, hook) in Matching(command))
        {
            var flags = new JsonObject();
            foreach (var (flag, value) in command.GivenFlags) flags[flag] = value;
            var data = new JsonObject { ["RootCmd"] = hook, ["Flags"] = flags, ["CommandError"] = command.Error };
            if (await CliPlugin.AskHookAsync(path, name, data.ToJsonString()) is not { } answer || Fill(answer, command) is not { } text) continue;
            var lines = text.Split('\n');
            if (lines.Any(line => line.Trim() != "")) steps.AddRange(lines);
        }
        if (steps.Count == 0) return;
        await cli.Error.WriteLineAsync(string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) ? "\e[1m\nWhat's next:\e[0m" : "\nWhat's next:");
        foreach (var step in steps) await cli.Error.WriteLineAsync($"    {step}");
    }

    private bool IsOn()
    {
        foreach (var name in (string[])["DOCKER_CLI_HOOKS", "DOCKER_CLI_HINTS"])
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } set) return IsTrue(set);
        return cli.Config.Content["features"] is JsonObject features && features["hooks"] is JsonValue value && value.TryGetValue<string>(out var text) && IsTrue(text);
    }

    private static bool IsTrue(string text) => Specs.GoSyntax.Bool(text) == true;

    private IEnumerable<(string Name, string Path, string Hook)> Matching(HookedCommand command)
    {
        if (cli.Config.Content["plugins"] is not JsonObject plugins) yield break;
        foreach (var (name, settings) in plugins)
        {
            if (settings is JsonObject plugin && plugin["hooks"] is JsonValue value && value.TryGetValue<string>(out var hooks)
                && command.FirstMatch(hooks) is { } hook && CliPlugin.Find(name, cli.Config) is { } path) yield return (name, path, hook);
        }
    }

    /// <summary>The text of a plugin's answer; null when it is none that docker knows.</summary>
    private static string? Fill(string answer, HookedCommand command)
    {
        try
        {
            var message = JsonNode.Parse(answer) as JsonObject;
            if (message?["Type"] is JsonValue type && !(type.TryGetValue<int>(out var kind) && kind == NextSteps)) return null;
            if (message?["Template"] is not JsonValue value || !value.TryGetValue<string>(out var template)) return null;
            return Template.Parse(template, Functions(command)).Execute(new TemplateObject { TypeName = "*cobra.Command" }.Add("Name", () => command.Name));
        }
        catch (Exception e) when (e is JsonException or TemplateException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The only kind of message docker 28 knows.</summary>
    private const int NextSteps = 0;

    /// <summary><c>{{flag . "name"}}</c> and <c>{{arg . 0}}</c>: what was typed, into a sentence.</summary>
    private static TemplateFunctions Functions(HookedCommand command) => new(new Dictionary<string, Func<object?[], object?>>
    {
        ["flag"] = values => values is [_, string name] && command.Flags?.Find(name) is { } flag ? flag.Text : throw new FormatException("failed to parse hook template"),
        ["arg"] = values => values is [_, long index] ? index >= 0 && index < command.Operands.Count ? command.Operands[(int)index] : "" : throw new FormatException("wrong type for arg"),
    });
}
