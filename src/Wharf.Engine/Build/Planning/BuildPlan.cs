using Wharf.Engine.Build.Language;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>One instruction of the plan. <see cref="Node"/> is null where only the configuration changes.</summary>
public sealed record PlannedStep(Instruction Instruction, string Title, BuildNode? Node)
{
    /// <summary>Counted from 1 over all stages of the plan.</summary>
    public int Number { get; set; }
    /// <summary>The image's configuration after the step.</summary>
    public required OciImageConfig Config { get; init; }
    /// <summary>The file system after the step.</summary>
    public required BuildNode Root { get; init; }
}

/// <summary>An entry of the image's history and the step whose layer it tells of, if any.</summary>
public sealed record PlannedHistory(HistoryEntry Entry, BuildNode? Node);

/// <summary>A stage that is needed, with everything expanded.</summary>
public sealed class PlannedStage
{
    public required Stage Stage { get; init; }
    /// <summary>The image below; null when the base is another stage or nothing.</summary>
    public ImageRecord? BaseImage { get; init; }
    public List<PlannedStep> Steps { get; } = [];
    public required BuildNode Root { get; set; }
    public required OciImageConfig Config { get; init; }
    public List<PlannedHistory> History { get; } = [];
    public string? Author { get; set; }
    public required Platform Platform { get; init; }
    /// <summary>Whether this stage set CMD: an ENTRYPOINT then leaves it.</summary>
    public bool CommandSet { get; set; }
    /// <summary>Whether a WORKDIR came, here or in a stage below.</summary>
    public bool HasDirectory { get; set; }
    /// <summary>Build arguments in force, by name in order of declaration.</summary>
    public Dictionary<string, string> Arguments { get; } = new(StringComparer.Ordinal);
    /// <summary>All names that ARG declared, also those without a value, in their order.</summary>
    public List<string> DeclaredArguments { get; } = [];
    /// <summary>Arguments that BuildKit declared after ENV had set the name: then they win.</summary>
    public HashSet<string> Overriding { get; } = new(StringComparer.Ordinal);
    /// <summary>The stage that FROM names, if it does.</summary>
    public PlannedStage? Below { get; init; }

    /// <summary>With BuildKit, arguments of a stage are there in those that are made from it too.</summary>
    internal void TakeArguments(PlannedStage below)
    {
        foreach (var (name, value) in below.Arguments) Arguments[name] = value;
        DeclaredArguments.AddRange(below.DeclaredArguments);
        Overriding.UnionWith(below.Overriding);
    }

    public string Label => Stage.Name.Length > 0 ? Stage.Name : $"stage-{Stage.Index}";
}

/// <summary>The graph of a build: only the stages that the target needs.</summary>
public sealed record BuildPlan(Dockerfile Dockerfile, IReadOnlyList<PlannedStage> Stages, PlannedStage Target)
{
    /// <summary>Times of what the build makes, in seconds since 1970; null for now.</summary>
    public long? SourceDateEpoch { get; init; }
    /// <summary>Build arguments of the caller that no ARG asked for.</summary>
    public IReadOnlyList<string> UnusedArguments { get; init; } = [];
    /// <summary>What the lint rules found in the stages that were planned.</summary>
    public IReadOnlyList<Linting.LintWarning> LintWarnings { get; init; } = [];
    /// <summary>Why the build fails where the Dockerfile wants its warnings to be errors; null where it does not, or there are none.</summary>
    public string? LintViolation { get; init; }

    public int StepCount => Stages.Sum(stage => stage.Steps.Count);

    /// <summary>The paths that the steps read of a context, patterns among them; null when it is all of it. Empty when nothing is read.</summary>
    public IReadOnlyList<string>? ContextPaths(string context)
    {
        var paths = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var node in Nodes)
        {
            if (node is CopyNode { From: null } copy && copy.Context == context)
                foreach (var source in copy.Sources)
                    if (!copy.IsAdd || !Solving.AddStep.IsRemote(source)) paths.Add(copy.Parents && source.Contains("**", StringComparison.Ordinal) ? "" : Clean(source));
            if (node is RunNode run)
                foreach (var mount in run.Mounts)
                    if (mount is { Type: RunMountType.Bind, From: null } && mount.Context == context) paths.Add(Clean(mount.Source));
        }
        return paths.Contains("") ? null : [.. paths];

        static string Clean(string path) => Archive.ArchivePlace.Clean(path)[1..];
    }

    /// <summary>All nodes, inputs before what needs them.</summary>
    public IReadOnlyList<BuildNode> Nodes
    {
        get
        {
            var ordered = new List<BuildNode>();
            var seen = new HashSet<BuildNode>();
            Visit(Target.Root);
            return ordered;

            void Visit(BuildNode node)
            {
                if (!seen.Add(node)) return;
                foreach (var input in node.Inputs) Visit(input);
                ordered.Add(node);
            }
        }
    }
}
