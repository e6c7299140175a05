using System.Text.RegularExpressions;
using Wharf.Engine.Build.Language;

namespace Wharf.Engine.Build.Linting;

/// <summary>
/// The rules of docker's build checks (https://docs.docker.com/reference/build-checks/) that the text alone decides. Those that need the
/// environment of a stage are told by the planner.
/// </summary>
internal static partial class DockerfileLinter
{
    private static readonly string[] Reserved = ["context", "scratch"];

    public static void Check(Dockerfile file, LintReport report)
    {
        CheckCasing(file, report);
        DescriptionRule.Check(file, report);
        foreach (var line in file.EmptyContinuations) report.Add("NoEmptyContinuation", "Empty continuation lines will become errors in a future release", "Empty continuation line", line, line);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var stage in file.Stages)
        {
            CheckFrom(stage, names, report);
            CheckStage(file.Escape, stage, report);
        }
    }

    private static void CheckCasing(Dockerfile file, LintReport report)
    {
        var all = file.MetaArgs.Concat(file.Stages.SelectMany(stage => stage.Instructions.Prepend(stage.From))).ToList();
        int lower = all.Count(instruction => instruction.Keyword == instruction.Keyword.ToLowerInvariant()), upper = all.Count(instruction => instruction.Keyword == instruction.Name);
        bool wantsLower = lower > upper;
        foreach (var instruction in all)
        {
            var wanted = wantsLower ? instruction.Keyword.ToLowerInvariant() : instruction.Name;
            if (instruction.Keyword != wanted)
                Tell(report, instruction, "ConsistentInstructionCasing", "All commands within the Dockerfile should use the same casing (either upper or lower)",
                    $"Command '{instruction.Keyword}' should match the case of the command majority ({(wantsLower ? "lowercase" : "uppercase")})");
        }
    }

    private static void CheckFrom(Stage stage, HashSet<string> names, LintReport report)
    {
        var words = WordSplit.Fields(stage.From.Rest);
        if (words.Count == 3)
        {
            var (keyword, name) = (words[1], words[2]);
            if ((IsLower(stage.From.Keyword) && !IsLower(keyword)) || (stage.From.Keyword == stage.From.Name && keyword != keyword.ToUpperInvariant()))
                Tell(report, stage.From, "FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword", $"'{keyword}' and '{stage.From.Keyword}' keywords' casing do not match");
            if (name != name.ToLowerInvariant()) Tell(report, stage.From, "StageNameCasing", "Stage names should be lowercase", $"Stage name '{name}' should be lowercase");
            if (Array.IndexOf(Reserved, stage.Name) >= 0)
                Tell(report, stage.From, "ReservedStageName", "Reserved words should not be used as stage names", $"Stage name should not use the same name as reserved stage \"{stage.Name}\"");
            if (!names.Add(stage.Name)) Tell(report, stage.From, "DuplicateStageName", "Stage names should be unique", $"Duplicate stage name \"{stage.Name}\", stage names should be unique");
        }
        if (stage.Platform is not { } platform) return;
        if (platform is "$TARGETPLATFORM" or "${TARGETPLATFORM}")
            Tell(report, stage.From, "RedundantTargetPlatform", "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior", $"Setting platform to predefined {platform} in FROM is redundant as this is the default behavior");
        else if (!platform.Contains('$') && !NamesPlatform(stage.Name, platform))
            Tell(report, stage.From, "FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value", $"FROM --platform flag should not use constant value \"{platform}\"");
    }

    /// <summary>A stage that is for one platform says so in its name.</summary>
    private static bool NamesPlatform(string name, string platform) => platform.Split('/').Take(2).Any(part => part.Length > 0 && name.Contains(part, StringComparison.OrdinalIgnoreCase));

    private static bool IsLower(string keyword) => keyword == keyword.ToLowerInvariant();

    private static void CheckStage(char escape, Stage stage, LintReport report)
    {
        bool shell = false;
        foreach (var instruction in stage.Instructions)
        {
            switch (instruction.Name)
            {
                case "MAINTAINER":
                    Tell(report, instruction, "MaintainerDeprecated", "The MAINTAINER instruction is deprecated, use a label instead to define an image author", "Maintainer instruction is deprecated in favor of using label");
                    break;
                case "SHELL": shell = true; break;
                case "CMD" or "ENTRYPOINT" when !shell && WordSplit.JsonList(instruction.Rest) is null:
                    Tell(report, instruction, "JSONArgsRecommended", "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
                        $"JSON arguments recommended for {instruction.Keyword} to prevent unintended behavior related to OS signals");
                    break;
                case "ENV" or "LABEL": CheckPairs(instruction, escape, report); break;
                case "ARG": CheckArguments(instruction, escape, report); break;
            }
        }
        foreach (var name in new[] { "CMD", "ENTRYPOINT", "HEALTHCHECK" })
            foreach (var extra in stage.Instructions.Where(instruction => instruction.Name == name).SkipLast(1))
                Tell(report, extra, "MultipleInstructionsDisallowed", "Multiple instructions of the same type should not be used in the same stage",
                    $"Multiple {name} instructions should not be used in the same stage because only the last one will be used");
    }

    private static void CheckPairs(Instruction instruction, char escape, LintReport report)
    {
        var words = WordSplit.Words(instruction.Rest, escape);
        if (words.Count > 0 && !words[0].Contains('='))
            Tell(report, instruction, "LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used", $"\"{instruction.Name} key=value\" should be used instead of legacy \"{instruction.Name} key value\" format");
        if (instruction.Name != "ENV") return;
        foreach (var name in words.Count > 0 && !words[0].Contains('=') ? words.Take(1) : words.Select(static word => word.Split('=', 2)[0])) CheckSecret(instruction, name, report);
    }

    private static void CheckArguments(Instruction instruction, char escape, LintReport report)
    {
        foreach (var word in WordSplit.Words(instruction.Rest, escape)) CheckSecret(instruction, word.Split('=', 2)[0], report);
    }

    private static void CheckSecret(Instruction instruction, string name, LintReport report)
    {
        if (!Sensitive().IsMatch(name) || Public().IsMatch(name)) return;
        Tell(report, instruction, "SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands", $"Do not use ARG or ENV instructions for sensitive data ({instruction.Name} \"{name}\")");
    }

    /// <summary>A directory that is the first of its stage, variables replaced.</summary>
    public static void CheckFirstDirectory(Instruction instruction, string path, LintReport report)
    {
        if (path.StartsWith('/')) return;
        Tell(report, instruction, "WorkdirRelativePath", "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
            $"Relative workdir {Specs.GoSyntax.Quoted(path)} can have unexpected results if the base image changes");
    }

    /// <summary>A port as EXPOSE has it, variables replaced.</summary>
    public static void CheckPort(Instruction instruction, string port, LintReport report)
    {
        var protocol = port.IndexOf('/') is >= 0 and var slash ? port[(slash + 1)..] : "";
        if (protocol != protocol.ToLowerInvariant())
            Tell(report, instruction, "ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase", $"Defined protocol '{port}' in EXPOSE instruction should be lowercase");
        if (port.Contains(':'))
            Tell(report, instruction, "ExposeInvalidFormat", "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
                $"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'");
    }

    internal static void Tell(LintReport report, Instruction instruction, string rule, string description, string message) => report.Add(rule, description, message, instruction.FirstLine, instruction.LastLine);

    /// <summary>The near misses of a name that is not there, for a suggestion; empty when none is near.</summary>
    internal static string Suggestion(string name, IEnumerable<string> known, string mark)
    {
        var nearest = known.Select(other => (Name: other, Distance: DockerfileParser.Distance(other, name))).OrderBy(static pair => pair.Distance).FirstOrDefault();
        return nearest.Name is { Length: > 0 } && nearest.Distance is > 0 and <= 2 ? $" (did you mean {mark}{nearest.Name}?)" : "";
    }

    [GeneratedRegex("(?:^|_)(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)] private static partial Regex Sensitive();
    [GeneratedRegex("(?:^|_)public(?:_|$)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)] private static partial Regex Public();
}
