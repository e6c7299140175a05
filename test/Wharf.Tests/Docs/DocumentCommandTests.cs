using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Registry.Commands;
using Wharf.Daemon.Registry.Hosting;
using Xunit;

namespace Wharf.Tests.Docs;

/// <summary>What the documents tell people to type is there: commands and flags.</summary>
public sealed class DocumentCommandTests
{
    private static readonly string[] Plugins = ["compose", "buildx"];

    private static IEnumerable<string> Pages => Directory.EnumerateFiles(Repository.Root, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories));

    [Fact]
    public void Every_command_line_in_the_documents_has_its_command_and_flags()
    {
        var lines = Pages.SelectMany(page => DocumentCommands.In(File.ReadAllText(page)).Select(words => (Page: Path.GetRelativePath(Repository.Root, page), Words: words))).ToList();
        lines.Count.ShouldBeGreaterThan(100);
        lines.Where(line => !Plugins.Contains(line.Words[0])).SelectMany(line => Wrong(line.Words).Select(wrong => $"{line.Page}: wharf {string.Join(' ', line.Words)}: {wrong}")).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("run `wharf run --rm --nonsense x`", "--nonsense")]
    [InlineData("```\n$ wharf volume nonsense x\n```", "nonsense")]
    [InlineData("```\nc=$(wharf create -z x | sort)\n```", "-z")]
    [InlineData("`wharf pod ls one`", "one is one word too many")]
    [InlineData("```\nwharf daemon --nonsense\n```", "--nonsense")]
    [InlineData("```\ntrue && sudo out/wharf registry serve --root x \\\n  --nonsense # why\n```", "--nonsense")]
    public void What_is_not_there_is_found(string text, string wrong) => DocumentCommands.In(text).SelectMany(Wrong).ShouldBe([wrong]);

    [Fact]
    public void Lines_are_parted_as_a_shell_does()
        => DocumentCommands.In("`wharf a 'b;c' \"d # e\" f#g; wharf h > i # wharf j` and `not wharf k`").Select(words => string.Join('|', words)).ShouldBe(["a|b;c|d # e|f#g", "h"]);

    /// <summary>The words of a line that name no command or flag.</summary>
    private static IEnumerable<string> Wrong(IReadOnlyList<string> words) => words[0] switch
    {
        "daemon" => Missing(words, DaemonCommandLine.Usage),
        "registry" when words.Count > 1 && words[1] == "serve" => Missing(words, RegistryCommandLine.Usage),
        "registry" => Missing(words, RegistryCommand.Usage),
        _ => OfTree(words),
    };

    private static IEnumerable<string> Missing(IReadOnlyList<string> words, string usage) => Flags(words).Where(flag => flag != "--help" && !usage.Split([' ', ',', '(', ')', ';', '\n', '=', '[', ']', '|']).Contains(flag));

    private static IEnumerable<string> OfTree(IReadOnlyList<string> typed)
    {
        // What may be left out stands in brackets.
        List<string> words = [.. typed.Select(word => word.TrimStart('[')).Select(word => word.Contains('[') ? word : word.TrimEnd(']')).Where(word => word != "")];
        var globals = new Wharf.Cli.GlobalOptions().Flags;
        var at = Catalog.Root;
        for (int i = 0; i < words.Count; i++)
        {
            if (at == Catalog.Root && words[i].StartsWith('-'))
            {
                if (!Has(globals, words[i])) return [words[i]];
                if (!words[i].Contains('=') && words[i] is "-H" or "--host" or "--config" or "--context") i++;
                continue;
            }
            // Placeholders and dots stand for any name.
            if (words[i].StartsWith('-') || words[i].Any(char.IsUpper) || words[i].Contains('…') || words[i] == "...") return [];
            if (at.Find(words[i]) is not { } next) return [words[i]];
            at = next;
            if (at.Create is { } create) return OfCommand(create(), [.. words.Skip(i + 1)]);
        }
        return [];
    }

    /// <summary>A command's own flags, not those of a program that is run inside.</summary>
    private static IEnumerable<string> OfCommand(Command command, IReadOnlyList<string> words)
    {
        var flags = command.Flags;
        int others = 0;
        for (int i = 0; i < words.Count && words[i] != "--" && (flags.Interspersed || words[i][0] == '-'); i++)
        {
            if (!IsFlag(words[i]) && ++others > command.MaxArguments) yield return $"{words[i]} is one word too many";
            if (!IsFlag(words[i])) continue;
            if (!Has(flags, words[i])) yield return words[i].Split('=')[0];
            if (Find(flags, words[i]) is { IsSwitch: false } && !words[i].Contains('=')) i++;
        }
    }

    private static IEnumerable<string> Flags(IReadOnlyList<string> words) => words.Where(IsFlag).Select(word => word.Split('=')[0]);

    private static bool IsFlag(string word) => word.Length > 1 && word[0] == '-' && word.Any(char.IsLetter);

    private static bool Has(FlagSet flags, string typed) => typed is "--help" or "-h" || Find(flags, typed) is not null;

    /// <summary>The flag of a long name, or the last of the letters, which alone may have a value.</summary>
    private static Flag? Find(FlagSet flags, string typed)
    {
        var name = typed.Split('=')[0];
        return name.StartsWith("--", StringComparison.Ordinal) ? flags.Find(name[2..]) : flags.All.FirstOrDefault(flag => flag.Shorthand == name[^1]);
    }
}
