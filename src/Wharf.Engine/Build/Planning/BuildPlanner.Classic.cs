using Wharf.Engine.Build.Language;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Planning;

/// <summary>Planning as the classic builder goes: one instruction after the other, each when the one before is done.</summary>
internal sealed partial class BuildPlanner
{
    /// <summary>Reads the ARGs before the first FROM and gives the number of the stage to end with.</summary>
    public int BeginClassic()
    {
        _metaArguments = MetaArguments(request.Arguments);
        return TargetIndex();
    }

    /// <summary>
    /// The earlier stages that an instruction may need: those it names, or, where the name is in a variable, all. They must be done before it is planned.
    /// </summary>
    public IEnumerable<int> StagesNeeded(int stage, Instruction instruction)
    {
        if (instruction.Name == "FROM")
        {
            var name = _file.Stages[stage].Base;
            return name.Contains('$') ? Enumerable.Range(0, stage) : FindStage(name, stage) is { } below ? [below] : [];
        }
        var names = instruction.FlagValues("from").Concat(instruction.FlagValues("mount").Where(static mount => mount.Contains("from=", StringComparison.Ordinal)).SelectMany(static mount => mount.Split(',').Select(static field => field.Trim('"')).Where(static field => field.StartsWith("from=", StringComparison.Ordinal)).Select(static field => field["from=".Length..])));
        var needed = new SortedSet<int>();
        foreach (var name in names)
        {
            if (name.Contains('$')) return Enumerable.Range(0, stage);
            if (FindStage(name, stage) is { } named) needed.Add(named);
            else if (int.TryParse(name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number) && number < stage) needed.Add(number);
        }
        return needed;
    }

    /// <summary>Begins a stage; those after it find it by its name and number. Gives the triggers of its base too.</summary>
    public async Task<(PlannedStage Stage, List<Instruction> Triggers)> BeginStageAsync(int index, CancellationToken cancellation)
    {
        var stage = await BeginAsync(_file.Stages[index], cancellation);
        _planned[index] = Task.FromResult(stage);
        return (stage, TakeTriggers(stage));
    }

    /// <summary>Plans one instruction. Gives the step and what the history is to tell of it.</summary>
    public async Task<(PlannedStep Step, PlannedHistory Entry)> PlanOneAsync(PlannedStage stage, Instruction instruction, CancellationToken cancellation)
    {
        await ApplyAsync(stage, instruction, cancellation);
        return (stage.Steps[^1], stage.History[^1]);
    }

    /// <summary>A label of the caller's, as if the Dockerfile ended with it. Nothing of it is expanded.</summary>
    public static (PlannedStep Step, PlannedHistory Entry) AddLabel(PlannedStage stage, string key, string value)
    {
        var text = $"LABEL {key}={value}";
        (stage.Config.Labels ??= [])[key] = value;
        Note(stage, $" {text}", null);
        stage.Steps.Add(new PlannedStep(new Instruction { Name = "LABEL", Text = text, Original = text, FirstLine = stage.Stage.From.FirstLine, LastLine = stage.Stage.From.LastLine }, text, null) { Config = stage.Config.Copy(), Root = stage.Root });
        return (stage.Steps[^1], stage.History[^1]);
    }

    /// <summary>What was planned up to now.</summary>
    public BuildPlan PlannedSoFar()
    {
        var stages = _planned.OrderBy(static pair => pair.Key).Where(static pair => pair.Value.IsCompletedSuccessfully).Select(static pair => pair.Value.Result).ToList();
        return stages.Count > 0 ? Plan(stages, stages[^1]) : throw new WharfException(ErrorKind.Internal, "no stage was begun");
    }
}
