using System.Text.RegularExpressions;

namespace Wharf.Engine.Build.Language;

/// <summary>Parses a Dockerfile: which instructions there are, which flags they know, and how they fall into stages.</summary>
public static partial class DockerfileParser
{
    /// <summary>Instructions and their flags.</summary>
    private static readonly Dictionary<string, string[]> Known = new(StringComparer.Ordinal)
    {
        ["ADD"] = ["chown", "chmod", "link", "checksum", "keep-git-dir", "unpack", "exclude"],
        ["ARG"] = [],
        ["CMD"] = [],
        ["COPY"] = ["from", "chown", "chmod", "link", "parents", "exclude"],
        ["ENTRYPOINT"] = [],
        ["ENV"] = [],
        ["EXPOSE"] = [],
        ["FROM"] = ["platform"],
        ["HEALTHCHECK"] = ["interval", "timeout", "start-period", "start-interval", "retries"],
        ["LABEL"] = [],
        ["MAINTAINER"] = [],
        ["ONBUILD"] = [],
        ["RUN"] = ["mount", "network", "security", "device"],
        ["SHELL"] = [],
        ["STOPSIGNAL"] = [],
        ["USER"] = [],
        ["VOLUME"] = [],
        ["WORKDIR"] = [],
    };

    /// <summary>Flags that are on when they have no value.</summary>
    internal static readonly string[] Truths = ["link", "parents", "keep-git-dir", "unpack"];

    /// <summary>Parses the text; <see cref="DockerfileException"/> tells the line of what is wrong.</summary>
    public static Dockerfile Parse(string text, string name = "Dockerfile")
    {
        var reader = new DockerfileReader(text);
        var metaArgs = new List<Instruction>();
        var stages = new List<Stage>();
        Instruction? from = null;
        var current = new List<Instruction>();
        int total = 0;
        while (reader.Next() is { } instruction)
        {
            total++;
            Check(instruction, reader.Escape);
            if (instruction.Name == "FROM")
            {
                if (from is not null) stages.Add(MakeStage(stages.Count, from, current));
                (from, current) = (instruction, []);
            }
            else if (from is not null) current.Add(instruction);
            else if (instruction.Name == "ARG") metaArgs.Add(instruction);
            else throw new DockerfileException(instruction.FirstLine, "no build stage in current context") { IsMeaning = true };
        }
        if (total == 0) throw new DockerfileException(1, "file with no instructions") { IsSyntax = true };
        if (from is null) throw new DockerfileException(1, "dockerfile contains no stages to build") { IsMeaning = true };
        stages.Add(MakeStage(stages.Count, from, current));
        return new Dockerfile
        {
            Name = name, Directives = reader.Directives, MetaArgs = metaArgs, Stages = stages, Lines = reader.Lines, Warnings = reader.Warnings, EmptyContinuations = reader.EmptyContinuations, Escape = reader.Escape,
        };
    }

    /// <summary>One instruction on its own: what ONBUILD kept.</summary>
    public static Instruction ParseOne(string text)
    {
        var instruction = new DockerfileReader(text).Next() ?? throw new DockerfileException(1, "file with no instructions");
        Check(instruction, '\\');
        return instruction;
    }

    private static void Check(Instruction instruction, char escape)
    {
        if (!Known.TryGetValue(instruction.Name, out var flags))
            throw new DockerfileException(instruction.FirstLine, $"unknown instruction: {instruction.Keyword}{Suggestion(instruction.Name)}");
        foreach (var flag in instruction.Flags)
        {
            var name = flag[2..].Split('=', 2)[0];
            if (Array.IndexOf(flags, name) < 0) throw new DockerfileException(instruction.FirstLine, $"unknown flag: --{name}");
            if (!flag.Contains('=') && Array.IndexOf(Truths, name) < 0) throw new DockerfileException(instruction.FirstLine, $"missing a value on flag: --{name}");
        }
        InstructionRules.Check(instruction, escape);
    }

    private static string Suggestion(string name)
    {
        var nearest = Known.Keys.Select(known => (Name: known, Distance: Distance(known, name))).MinBy(pair => pair.Distance);
        return nearest.Distance <= 2 ? $" (did you mean {nearest.Name}?)" : "";
    }

    internal static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + cost));
            }
        }
        return row[^1];
    }

    private static Stage MakeStage(int index, Instruction from, List<Instruction> instructions)
    {
        var words = WordSplit.Fields(from.Rest);
        bool named = words.Count == 3 && words[1].Equals("AS", StringComparison.OrdinalIgnoreCase);
        if (words.Count != 1 && !named) throw new DockerfileException(from.FirstLine, "FROM requires either one or three arguments");
        var name = named ? words[2].ToLowerInvariant() : "";
        if (named && !StageName().IsMatch(name)) throw new DockerfileException(from.FirstLine, $"invalid name for build stage: \"{words[2]}\", name can't start with a number or contain symbols");
        return new Stage { Index = index, Name = name, Base = words[0], Platform = from.Flag("platform"), From = from, Instructions = instructions };
    }

    [GeneratedRegex("^[a-z][a-z0-9-_.]*$", RegexOptions.CultureInvariant)] private static partial Regex StageName();
}
