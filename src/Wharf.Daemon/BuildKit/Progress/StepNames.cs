using System.Globalization;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;

namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>
/// What steps are called: <c>[stage 2/3] RUN make</c>. Counted are the base, where it is an image or a context, and the instructions that can make files; one of these that
/// turns out to make none (<c>WORKDIR /</c>) counts in the sum only.
/// </summary>
internal static class StepNames
{
    public static Dictionary<BuildNode, string> Of(BuildPlan plan, bool withPlatform)
    {
        var names = new Dictionary<BuildNode, string>(ReferenceEqualityComparer.Instance);
        bool several = HasSeveral(plan.Dockerfile);
        foreach (var stage in plan.Stages)
        {
            var steps = stage.Steps.Where(step => step.Instruction.Name == "FROM" ? HasOwnBase(stage, step) : step.Instruction.Name is "RUN" or "COPY" or "ADD" or "WORKDIR").ToList();
            var label = stage.Stage.Name.Length > 0 ? stage.Stage.Name + " " : several ? stage.Label + " " : "";
            var platform = withPlatform ? Platforms.Describe(stage.Platform) + " " : "";
            int width = steps.Count.ToString(CultureInfo.InvariantCulture).Length, number = 0;
            foreach (var step in steps)
            {
                var node = step.Instruction.Name == "FROM" ? step.Root as BaseNode : step.Node;
                if (node is not null) names.TryAdd(node, $"[{platform}{label}{(++number).ToString(CultureInfo.InvariantCulture).PadLeft(width)}/{steps.Count}] {(node is BaseNode from ? From(from) : step.Title)}");
            }
        }
        foreach (var node in plan.Nodes)
            if (node is BaseNode { Image: not null }) names.TryAdd(node, From((BaseNode)node));
        return names;
    }

    /// <summary>A file that brings in more than its one stage has stages that can be told apart.</summary>
    private static bool HasSeveral(Dockerfile file) => file.Stages.Count > 1 || file.Stages.Any(static stage => stage.Instructions.Any(static instruction => instruction.Flag(instruction.Name == "RUN" ? "mount" : "from") is not null));

    /// <summary>A stage that stands on another, or on nothing, has no base of its own to show.</summary>
    private static bool HasOwnBase(PlannedStage stage, PlannedStep from) => stage.Below is null && from.Root is not BaseNode { Image: null };

    private static string From(BaseNode node) => "FROM " + Gateway.LlbOperations.NameOf(node);
}
