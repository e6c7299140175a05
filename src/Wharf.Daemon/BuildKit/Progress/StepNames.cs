using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>What steps are called: <c>[stage 2/3] RUN make</c>. Steps are those that make or change files, counted by stage.</summary>
internal static class StepNames
{
    public static Dictionary<BuildNode, string> Of(BuildPlan plan, bool withPlatform)
    {
        var names = new Dictionary<BuildNode, string>(ReferenceEqualityComparer.Instance);
        bool several = plan.Dockerfile.Stages.Count > 1;
        foreach (var stage in plan.Stages)
        {
            var steps = stage.Steps.Where(step => step.Node is not null || step.Instruction.Name == "FROM").ToList();
            var label = stage.Stage.Name.Length > 0 ? stage.Stage.Name + " " : several ? stage.Label + " " : "";
            var platform = withPlatform ? Platforms.Describe(stage.Platform) + " " : "";
            int width = steps.Count.ToString(System.Globalization.CultureInfo.InvariantCulture).Length;
            for (int i = 0; i < steps.Count; i++)
            {
                var node = steps[i].Instruction.Name == "FROM" ? steps[i].Root : steps[i].Node!;
                // A stage that stands on another has no base of its own to show.
                if (steps[i].Instruction.Name == "FROM" && node is not BaseNode { Image: not null }) continue;
                names.TryAdd(node, $"[{platform}{label}{(i + 1).ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(width)}/{steps.Count}] {(node is BaseNode from ? From(from) : steps[i].Title)}");
            }
        }
        foreach (var node in plan.Nodes)
            if (node is BaseNode { Image: not null }) names.TryAdd(node, From((BaseNode)node));
        return names;
    }

    /// <summary>A base image under its full name.</summary>
    private static string From(BaseNode node) => "FROM " + (ImageReference.TryParse(node.Name, out var reference) ? reference.WithDefaultTag().Canonical : node.Name);
}
