using Wharf.Engine.Build.Language;

namespace Wharf.Engine.Build.Linting;

/// <summary>The rule InvalidDefinitionDescription: a comment right above a stage or an argument describes it, and so begins with its name.</summary>
internal static class DescriptionRule
{
    private const string Name = "InvalidDefinitionDescription";
    private const string Description = "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.";

    public static void Check(Dockerfile file, LintReport report)
    {
        if (!report.Heeds(Name)) return;
        foreach (var argument in file.MetaArgs) CheckArgument(file, argument, report);
        foreach (var stage in file.Stages)
        {
            if (stage.Name.Length > 0) Check(file, stage.From, [stage.Name], report);
            foreach (var argument in stage.Instructions.Where(static instruction => instruction.Name == "ARG")) CheckArgument(file, argument, report);
        }
    }

    private static void CheckArgument(Dockerfile file, Instruction argument, LintReport report) =>
        Check(file, argument, WordSplit.Words(argument.Rest, file.Escape).ConvertAll(static word => word.Split('=', 2)[0]), report);

    private static void Check(Dockerfile file, Instruction instruction, List<string> names, LintReport report)
    {
        if (names.Count == 0 || CommentAbove(file, instruction) is not { Length: > 0 } comment || names.Contains(comment.Split(' ')[0])) return;
        DockerfileLinter.Tell(report, instruction, Name, Description, $"Comment for {instruction.Name} should follow the format: `# {(names.Count == 1 ? names[0] : "<arg_key>")} <description>`");
    }

    /// <summary>The last line of the comment before an instruction, blank lines between them or not; empty when there is none. Directives, which come first of all, are no comments.</summary>
    private static string CommentAbove(Dockerfile file, Instruction instruction)
    {
        for (int line = instruction.FirstLine - 1; line > file.Directives.Count; line--)
        {
            var above = file.Lines[line - 1].AsSpan().Trim();
            if (above is ['#', ..]) return above[1..].Trim().ToString();
            if (!above.IsEmpty) break;
        }
        return "";
    }
}
