using System.Security.Authentication;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.Commands;
using Wharf.Cli.Commands.Systems;
using Wharf.Cli.Plugins;

namespace Wharf.Cli.CommandLine;

/// <summary>Walks the tree to the command the words name, parses its flags and runs it.</summary>
internal sealed class CommandRunner(CliContext cli)
{
    /// <summary>The words of the command that are no flags, and what it complained of: hooks are told.</summary>
    private IReadOnlyList<string> operands = [];
    private string complaint = "";

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var root = Catalog.Root;
        List<string> words;
        try
        {
            words = cli.Options.Flags.Parse(args);
        }
        catch (HelpRequestedException)
        {
            return await PrintAsync(HelpText.ForProgram(root, cli.Options.Flags, Plugins.CliPlugin.Names(cli.Options.Config)));
        }
        catch (UsageException e)
        {
            return await FailAsync($"{e.Message}\n\nUsage:  {CliContext.Program} [OPTIONS] COMMAND [ARG...]\n\nRun '{CliContext.Program} --help' for more information", 125);
        }
        if (cli.Options.WrongLogLevel is { } level) return await FailAsync($"Unable to parse logging level: {level}", 1);
        if (cli.Options.Version) return await PrintAsync($"Wharf version {ClientVersion.Product}, build {ClientVersion.ShortCommit}\n");
        if (words is ["__complete", .. var typed]) return await CompleteWords.RunAsync(cli, typed, cancellationToken);
        if (words is ["__man", .. var directory]) return await ManualPages.WriteAsync(cli, directory);
        if (words is ["help", .. var topic])
        {
            if (UnknownTopic(root, topic) is { } unknown) return await FailAsync($"unknown help topic: {unknown}", 1);
            words = [.. topic, "--help"];
        }
        if (words.Count == 0) return await PrintAsync(HelpText.ForProgram(root, cli.Options.Flags, Plugins.CliPlugin.Names(cli.Options.Config)));
        return BuilderAlias(words) is { } plugin ? await plugin() : await DescendAsync(root, CliContext.Program, words, cancellationToken);
    }

    /// <summary>What is left of <c>help A B</c> when no command has that name.</summary>
    private string? UnknownTopic(CommandEntry root, IReadOnlyList<string> topic)
    {
        var at = root;
        for (var i = 0; i < topic.Count && at.Create is null; i++)
        {
            if (at == root && root.Find(topic[i]) is null && CliPlugin.Find(topic[i], cli.Config) is not null) return null;
            if (at.Find(topic[i]) is not { } next) return string.Join(' ', topic.Skip(i));
            at = next;
        }
        return null;
    }

    /// <summary>Docker's own usage of most nouns leaves COMMAND out where it complains.</summary>
    private static string NounUsage(string path) => path.EndsWith(" volume", StringComparison.Ordinal) || path.EndsWith(" manifest", StringComparison.Ordinal) ? $"{path} COMMAND" : path;

    /// <summary>config.json's <c>aliases</c> may hand builds to a plugin: <c>{"builder":"buildx"}</c>, the only alias docker knows.</summary>
    private Func<Task<int>>? BuilderAlias(List<string> words)
    {
        if (words[0] is not ("build" or "builder") || cli.Config.Content["aliases"] is not JsonObject aliases || aliases["builder"] is not JsonValue value || !value.TryGetValue<string>(out var name)) return null;
        if (CliPlugin.Find(name, cli.Config) is not { } plugin) return null;
        return () => RunPluginAsync(plugin, name, words[0] == "build" ? words : words[1..]);
    }

    private async Task<int> DescendAsync(CommandEntry parent, string path, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        if (words.Count == 0 || words[0] is "--help" or "-h" or "help")
        {
            var help = parent == Catalog.Root ? HelpText.ForProgram(parent, cli.Options.Flags, Plugins.CliPlugin.Names(cli.Options.Config)) : HelpText.ForNoun(path, parent);
            // A noun alone is a command half typed: its help is a complaint, though not a failure.
            return words.Count == 0 ? await FailAsync(help.TrimEnd('\n'), 0) : await PrintAsync(help);
        }
        if (words[0].StartsWith('-') && parent != Catalog.Root)
            return await FailAsync($"unknown flag: {words[0]}\n\nUsage:  {NounUsage(path)}\n\nRun '{path} --help' for more information", 125);
        if (parent.Find(words[0]) is not { } entry)
        {
            if (parent == Catalog.Root && CliPlugin.Find(words[0], cli.Config) is { } plugin) return await RunPluginAsync(plugin, words[0], [.. words.Skip(1)]);
            var near = Suggestions.For(words[0], parent.Children.Where(child => !child.IsHidden).Select(child => child.Name));
            var hint = near.Count == 0 ? "" : $"\nDid you mean this?\n{string.Concat(near.Select(name => $"\t{name}\n"))}";
            return await FailAsync($"{CliContext.Program}: unknown command: {path} {words[0]}\n{hint}{(parent == Catalog.Root ? "" : $"\nUsage:  {NounUsage(path)}\n")}\nRun '{path} --help' for more information", 1);
        }
        var name = $"{path} {entry.Name}";
        return entry.Create is { } create
            ? await RunAsync(entry, create(), name, [.. words.Skip(1)], cancellationToken)
            : await DescendAsync(entry, name, [.. words.Skip(1)], cancellationToken);
    }

    /// <summary>Becomes the plugin, unless a hook wants to be called after it.</summary>
    private async Task<int> RunPluginAsync(string plugin, string name, IReadOnlyList<string> words)
    {
        var hooks = new PluginHooks(cli);
        var invocation = HookedCommand.OfPlugin(name, words);
        if (!hooks.AreWanted(invocation)) return CliPlugin.Run(plugin, name, words, cli.Options);
        var code = await CliPlugin.RunChildAsync(plugin, name, words, cli.Options);
        if (code == 0) await hooks.RunAsync(invocation);
        return code;
    }

    private async Task<int> RunAsync(CommandEntry entry, Command command, string path, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        var code = await CarryOutAsync(entry, command, path, words, cancellationToken);
        var hooks = new PluginHooks(cli);
        var invocation = new HookedCommand(path[(CliContext.Program.Length + 1)..], entry.Name, command.Flags, operands, complaint != "" || code == 0 ? complaint : $"exit status {code}");
        try
        {
            if (hooks.AreWanted(invocation)) await hooks.RunAsync(invocation);
        }
        catch (CliException e)
        {
            // A configuration that cannot be read does not undo what the command did.
            if (e.Message != complaint) await cli.Error.WriteLineAsync(e.Message);
        }
        return code;
    }

    private async Task<int> CarryOutAsync(CommandEntry entry, Command command, string path, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        try
        {
            var arguments = command.Flags.Parse(words);
            operands = arguments;
            command.CheckArguments(path, arguments.Count);
            return await command.RunAsync(cli, arguments, cancellationToken);
        }
        catch (HelpRequestedException)
        {
            return await PrintAsync(HelpText.ForCommand(path, entry, command));
        }
        catch (UsageException e)
        {
            return await FailAsync($"{e.Message}\n\n{HelpText.Usage(path, command)}\nRun '{path} --help' for more information", e.ExitCode);
        }
        catch (ArgumentCountException e)
        {
            return await FailAsync($"{CliContext.Program}: {e.Message}\n\n{HelpText.Usage(path, command)}\n{(e.IsMissing ? "See" : "Run")} '{path} --help' for more information", 1);
        }
        catch (CliException e)
        {
            return e.Message == "" ? e.ExitCode : await FailAsync(e.Message, e.ExitCode);
        }
        catch (IOException e) when (e.HResult != CliProgram.BrokenPipe)
        {
            return await FailAsync(e.Message, 1);
        }
        catch (JsonException e)
        {
            return await FailAsync($"the daemon sent malformed JSON: {e.Message}", 1);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or AuthenticationException)
        {
            return await FailAsync(e.Message, 1);
        }
    }

    private async Task<int> PrintAsync(string text)
    {
        await cli.Out.WriteAsync(text);
        return 0;
    }

    private async Task<int> FailAsync(string text, int exitCode)
    {
        complaint = text;
        await cli.Error.WriteLineAsync(text);
        return exitCode;
    }
}
