using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Classic;

/// <summary>Finds a base image, pulling it where need be.</summary>
internal delegate Task<ImageRecord> FindBase(string name, Platform? platform, IProgress<JsonMessage> pulls, CancellationToken cancellation);

/// <summary>
/// A build as docker did it before BuildKit, told step after step. What a step does is the same as with BuildKit; only the way, its words and
/// what is left of it differ. Stages that need nothing of each other run side by side, and each is told when those before it have been.
/// </summary>
internal sealed class ClassicBuild
{
    private readonly BuildParts _parts;
    private readonly StepFlights _flights;
    private readonly ClassicReport _report;
    private readonly BuildPlanner _planner;
    private readonly SemaphoreSlim _planning = new(1, 1);
    /// <summary>Hears of the pull that planning comes to.</summary>
    private IProgress<JsonMessage> _pulls;
    private Task<ImageRecord?>[] _ends = [];
    private int _begun;

    public ClassicBuild(BuildParts parts, FindBase baseImage, StepFlights flights, ClassicReport report)
    {
        (_parts, _flights, _report, _pulls) = (parts, flights, report, report.Pulls);
        _planner = new BuildPlanner(parts.Request, (name, platform, cancel) => baseImage(name, platform, _pulls, cancel), parts.Containers.Devices);
        Images = new StepImages(parts);
    }

    public Dockerfile File => _planner.Dockerfile;
    public StepImages Images { get; }
    public UnderwaySteps Underway { get; } = new();
    /// <summary>The stage to end with.</summary>
    public int Target { get; private set; }
    /// <summary>How many steps are told.</summary>
    public int Steps { get; private set; }

    /// <summary>What was planned up to now.</summary>
    public BuildPlan Planned => _planner.PlannedSoFar();

    /// <summary>Builds all stages up to the target; gives its image.</summary>
    public async Task<Digest> RunAsync(CancellationToken cancellation)
    {
        if (File.Warnings.Count > 0)
            foreach (var warning in File.Warnings.Append("Empty continuation lines will become errors in a future release.")) _report.ShowError($"[WARNING]: {warning}\n");
        Target = _planner.BeginClassic();
        await Images.OpenAsync(cancellation);
        var stages = File.Stages.Take(Target + 1).ToList();
        Steps = File.MetaArgs.Count + stages.Sum(static stage => 1 + stage.Instructions.Count) + _parts.Request.Labels.Count;
        for (int i = 0; i < File.MetaArgs.Count; i++)
        {
            _report.Show($"Step {i + 1}/{Steps} : {File.MetaArgs[i].Original}");
            _report.Show("\n");
        }
        return (await StagesAsync(stages, cancellation))?.Id ?? throw WharfException.Invalid("No image was generated. Is your Dockerfile empty?");
    }

    private async Task<ImageRecord?> StagesAsync(List<Stage> stages, CancellationToken cancellation)
    {
        _ends = new Task<ImageRecord?>[stages.Count];
        var ends = new List<CancellationTokenSource>();
        var reports = stages.ConvertAll(_ => new StageReport(_report));
        // Containers that stay tell how far the build came, so that none may be of a stage behind a failure.
        int ahead = _parts.Request.KeepContainers ? 1 : stages.Count;
        try
        {
            ImageRecord? image = null;
            for (int i = 0; i < stages.Count; i++)
            {
                while (_begun < Math.Min(i + ahead, stages.Count)) Begin(stages, reports[_begun], ends, cancellation);
                reports[i].Open();
                image = await _ends[i];
                if (image is not null) _report.Stage(image.Id);
            }
            return image;
        }
        finally
        {
            foreach (var end in ends) await end.CancelAsync();
            // Nothing of a build goes on after its answer.
            foreach (var end in _ends.Take(_begun)) await end.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            foreach (var end in ends) end.Dispose();
        }
    }

    private void Begin(List<Stage> stages, StageReport report, List<CancellationTokenSource> ends, CancellationToken cancellation)
    {
        int index = _begun++;
        // A stage that fails ends those after it, and leaves those before it alone.
        ends.Add(CancellationTokenSource.CreateLinkedTokenSource(ends.Count > 0 ? ends[^1].Token : cancellation));
        var parts = _parts with { StandsOn = null };
        int before = File.MetaArgs.Count + stages.Take(index).Sum(static stage => 1 + stage.Instructions.Count);
        _ends[index] = StageAsync(stages, new ClassicStage(this, parts, new BuildSolver(parts, _flights), report, index, before), index, ends[^1]);
    }

    private static async Task<ImageRecord?> StageAsync(List<Stage> stages, ClassicStage stage, int index, CancellationTokenSource end)
    {
        try
        {
            if (stages[index].Name is { Length: > 0 } name && stages.Take(index).Any(other => other.Name == name)) throw WharfException.Invalid("a stage name already used");
            return await stage.RunAsync(end.Token);
        }
        catch
        {
            await end.CancelAsync();
            throw;
        }
    }

    /// <summary>The image that an earlier stage came to.</summary>
    public Task<ImageRecord?> EndAsync(int stage, CancellationToken cancellation) => _ends[stage].WaitAsync(cancellation);

    /// <summary>Plans a part of a stage, once the stages that it needs are there. One at a time: a planner knows no others.</summary>
    public async Task<T> PlanAsync<T>(int stage, Instruction instruction, StageReport report, Func<BuildPlanner, Task<T>> plan, CancellationToken cancellation)
    {
        foreach (int needed in _planner.StagesNeeded(stage, instruction)) await EndAsync(needed, cancellation);
        await _planning.WaitAsync(cancellation);
        try
        {
            _pulls = report;
            return await plan(_planner);
        }
        finally
        {
            _planning.Release();
        }
    }
}
