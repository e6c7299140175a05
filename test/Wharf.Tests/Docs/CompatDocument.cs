using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;

namespace Wharf.Tests.Docs;

/// <summary>Writes docs/compat.md: operations and parameters with the tests that cover them, commands and flags counted, and what the areas say of themselves.</summary>
internal static class CompatDocument
{
    public static string Write()
    {
        var text = new StringBuilder();
        text.Append("# Compatibility with Docker\n\nWritten by `./dev compat` from the tests, from the commands themselves and from `docs/compat/`; a unit test holds it up to date. Do not edit it.\n\n");
        Operations(text);
        Commands(text);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs", "compat"), "*.md").Order(StringComparer.Ordinal))
            text.Append(Raise(Demote(File.ReadAllText(path))).Trim()).Append("\n\n");
        return text.ToString().TrimEnd() + "\n";
    }

    private static void Operations(StringBuilder text)
    {
        using var reference = new ApiReference();
        var coverage = Coverage.Read(reference.Operations);
        int parameters = 0, fields = 0, without = 0;
        var rows = new StringBuilder();
        foreach (var operation in reference.Operations)
        {
            var entry = coverage.GetValueOrDefault(operation.Id) ?? [];
            var all = Asked(operation);
            var missing = all.Where(name => !Coverage.Has(entry, name)).ToList();
            parameters += operation.Parameters.Count;
            fields += all.Count - operation.Parameters.Count;
            without += missing.Count;
            rows.Append(CultureInfo.InvariantCulture, $"| {operation.Method} {operation.Path} | {operation.Id} | {Tests(entry)} | {string.Join(", ", missing)} |\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"## Engine API v1.51\n\n{reference.Operations.Count(operation => coverage.ContainsKey(operation.Id))} of {reference.Operations.Count} operations are called by system tests, with {parameters + fields - without} of {parameters + fields} things that a request may say ({parameters} parameters of queries and headers, {fields} fields of bodies). ");
        text.Append("Not counted are the bodies of swarm's operations and of managed plugins, of which nothing comes here. Versions 1.24 to 1.51 are served.\n\n");
        text.Append("| Operation | Name | Tests, and what they call it with | Without a test |\n|---|---|---|---|\n").Append(rows).Append('\n');
    }

    /// <summary>All that a request of this operation may say and that something comes of.</summary>
    public static List<string> Asked(ApiOperation operation) => operation.HasIdleBody ? [.. operation.Parameters] : [.. operation.Parameters, .. operation.BodyFields];

    /// <summary>Each test once, with what the ones before it have not called the operation with; last the one that calls everything and looks into little.</summary>
    private static string Tests(SortedDictionary<string, SortedSet<string>> entry)
    {
        var told = new HashSet<string>();
        var cells = new List<string>();
        foreach (var test in entry.Values.SelectMany(tests => tests).Distinct().OrderBy(test => test == "FullSessionTests").ThenByDescending(test => entry.Count(parameter => parameter.Value.Contains(test))).ThenBy(test => test, StringComparer.Ordinal))
        {
            var more = entry.Where(parameter => parameter.Key != "" && parameter.Value.Contains(test) && told.Add(parameter.Key)).Select(parameter => parameter.Key).ToList();
            if (more.Count > 0) cells.Add($"{test} ({string.Join(", ", more)})");
            else if (cells.Count < 4) cells.Add(test);
        }
        return string.Join("; ", cells);
    }

    private static void Commands(StringBuilder text)
    {
        var comparison = CommandComparison.Compare();
        text.Append(CultureInfo.InvariantCulture, $"## Commands\n\nOf docker CLI 28.2's commands outside swarm, service, stack, node, secret, config, plugin, trust and checkpoint, {comparison.Commands - comparison.MissingCommands.Count} of {comparison.Commands} are there, with {comparison.Flags - comparison.MissingFlags.Count} of {comparison.Flags} flags (same name, shorthand and kind).\n\n");
        if (comparison.MissingCommands.Count > 0) text.Append("Not there: ").AppendJoin(", ", comparison.MissingCommands.Select(name => $"`{name}`")).Append(".\n\n");
        if (comparison.MissingFlags.Count > 0) text.Append("Flags not there or of another kind: ").AppendJoin(", ", comparison.MissingFlags.Select(name => $"`{name}`")).Append(".\n\n");
    }

    /// <summary>The areas' headings go one level down.</summary>
    private static string Demote(string markdown) => string.Join('\n', markdown.Split('\n').Select(line => line.StartsWith('#') ? "#" + line : line));

    /// <summary>The areas' links are from <c>docs/compat/</c>, the document lies above it.</summary>
    private static string Raise(string markdown) => DocumentLinks.Replace(markdown, static target => target.StartsWith("../", StringComparison.Ordinal) ? target["../".Length..] : "compat/" + target);
}

/// <summary>Our commands beside docker's.</summary>
internal sealed record CommandComparison(int Commands, int Flags, IReadOnlyList<string> MissingCommands, IReadOnlyList<string> MissingFlags)
{
    private static readonly string[] Outside = ["swarm", "service", "stack", "node", "secret", "config", "plugin", "trust", "checkpoint"];

    public static CommandComparison Compare()
    {
        using var reference = JsonDocument.Parse(Repository.Read("test", "reference", "docker-cli-28.2.json"));
        int commands = 0, flags = 0;
        List<string> missingCommands = [], missingFlags = [];
        foreach (var command in reference.RootElement.EnumerateObject())
        {
            var words = command.Name.Split(' ')[1..];
            if (words.Length > 0 && Outside.Contains(words[0])) continue;
            commands++;
            var known = command.Value.GetProperty("flags").EnumerateArray().ToList();
            flags += known.Count;
            var entry = words.Aggregate((CommandEntry?)Catalog.Root, (at, word) => at?.Find(word));
            if (entry is null)
            {
                missingCommands.Add(command.Name);
                missingFlags.AddRange(known.Select(flag => $"{command.Name} {flag[0].GetString()}"));
                continue;
            }
            var ours = (words.Length == 0 ? new Wharf.Cli.GlobalOptions().Flags : entry.Create?.Invoke().Flags ?? new FlagSet()).All.ToDictionary(flag => "--" + flag.Name);
            foreach (var flag in known)
            {
                var shorthand = flag[1].GetString()!;
                // Every command has it, without it being one of its flags.
                if (flag[0].GetString() == "--help") continue;
                bool same = ours.TryGetValue(flag[0].GetString()!, out var own) && (shorthand == "" || own.Shorthand == shorthand[1]) && own.IsSwitch == (flag[2].GetString() == "bool");
                if (!same) missingFlags.Add($"{command.Name} {flag[0].GetString()}");
            }
        }
        return new CommandComparison(commands, flags, missingCommands, missingFlags);
    }
}
