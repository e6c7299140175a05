using System.Text;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Classic;

/// <summary>
/// One stage of a classic build: step after step, every step an image whose parent is that of the step before, and those images the cache.
/// </summary>
/// <param name="firstStep">How many steps of the build come before those of this stage.</param>
internal sealed class ClassicStage(ClassicBuild build, BuildParts parts, BuildSolver solver, StageReport report, int index, int firstStep)
{
    private readonly StepImages _images = build.Images;
    private int _step = firstStep;

    private BuildRequest Request => parts.Request;

    /// <summary>Does the steps; gives the image of the last.</summary>
    public async Task<ImageRecord?> RunAsync(CancellationToken cancellation)
    {
        var from = build.File.Stages[index].From;
        ShowStep(from.Original);
        var (stage, triggers) = await PlanAsync(from, planner => planner.BeginStageAsync(index, cancellation), cancellation);
        var image = stage.Below is { } below ? await build.EndAsync(below.Stage.Index, cancellation) : stage.BaseImage;
        if (image is not null) Request.Hold.Add(image.ChainId);
        if (triggers.Count > 0) report.Show($"# Executing {triggers.Count} build trigger{(triggers.Count > 1 ? "s" : "")}\n");
        bool cached = !Request.NoCache;
        // What triggers come to is told once, after the last.
        foreach (var trigger in triggers) (image, cached) = await StepAsync(stage, await PlanAsync(trigger, planner => planner.PlanOneAsync(stage, trigger, cancellation), cancellation), image, cached, cancellation);
        ShowImage(image);
        foreach (var instruction in stage.Stage.Instructions)
        {
            ShowStep(instruction.Original);
            if (instruction.Name == "HEALTHCHECK" && stage.Config.Healthcheck?.Test is [not "NONE", ..] old) report.Show($"Note: overriding previous HEALTHCHECK: [{string.Join(' ', old)}]\n");
            (image, cached) = await StepAsync(stage, await PlanAsync(instruction, planner => planner.PlanOneAsync(stage, instruction, cancellation), cancellation), image, cached, cancellation);
            ShowImage(image);
        }
        if (index == build.Target)
        {
            foreach (var (key, value) in Request.Labels.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            {
                ShowStep($"LABEL {key}={value}");
                (image, cached) = await StepAsync(stage, BuildPlanner.AddLabel(stage, key, value), image, cached, cancellation);
                ShowImage(image);
            }
        }
        return image;
    }

    private Task<T> PlanAsync<T>(Instruction instruction, Func<BuildPlanner, Task<T>> plan, CancellationToken cancellation) => build.PlanAsync(index, instruction, report, plan, cancellation);

    private void ShowStep(string text)
    {
        report.Show($"Step {++_step}/{build.Steps} : {text}");
        report.Show("\n");
    }

    private void ShowImage(ImageRecord? image) => report.Show($" ---> {image?.Id.Hex[..12]}\n");

    /// <summary>Does one step, or finds that it was done. Once one was not, none after it in the stage can have been.</summary>
    private async Task<(ImageRecord Image, bool Cached)> StepAsync(PlannedStage stage, (PlannedStep Step, PlannedHistory Entry) planned, ImageRecord? below, bool cached, CancellationToken cancellation)
    {
        var (step, entry) = planned;
        parts.StandsOn = below?.Id;
        var createdBy = step.Node is null ? entry.Entry.CreatedBy! : await DescribeAsync(step.Node, entry.Entry.CreatedBy!, cancellation);
        var made = new StepImage(below, createdBy, BuildService.Finished(step.Config), stage.Platform, stage.Author);
        // Another stage may be doing the same.
        using var doing = build.Underway.Begin(made.Key, index, out var earlier);
        if (cached) await earlier.WaitAsync(cancellation);
        if (cached && await _images.FindAsync(made, cancellation) is { } found)
        {
            Request.Hold.Add(found.ChainId);
            if (step.Node is { } known) solver.Set(known, new NodeResult(found.Config.RootFs?.DiffIds ?? [], found.ChainId) { Cached = true });
            report.Show(" ---> Using cache\n");
            return (found, true);
        }
        var container = step.Node switch
        {
            null or DirectoryNode => await MarkAsync(stage, createdBy, below, cancellation),
            _ => null,
        };
        IReadOnlyList<Digest> layers = below?.Config.RootFs?.DiffIds ?? [];
        if (step.Node is { } node)
        {
            var run = node is RunNode ? await RunAsync(node, cancellation) : null;
            layers = await SolveAsync(node, cancellation);
            container ??= run;
        }
        var image = await _images.AddAsync(made, layers, container, cancellation);
        if (container is not null && !Request.KeepContainers) report.Show($" ---> Removed intermediate container {container[..12]}\n");
        return (image, false);
    }

    private async Task<IReadOnlyList<Digest>> SolveAsync(BuildNode node, CancellationToken cancellation)
    {
        try { return (await solver.SolveAsync(node, cancellation)).DiffIds; }
        catch (WharfException error) when (node is CopyNode && !error.Message.StartsWith("unable to convert", StringComparison.Ordinal)) { throw new WharfException(error.Kind, $"failed to copy files: {error.Message}", error); }
    }

    private async Task<string> DescribeAsync(BuildNode node, string createdBy, CancellationToken cancellation)
    {
        try
        {
            if (node is CopyNode { From: null } copy && copy.Sources.FirstOrDefault(BuildService.LeadsOut) is { } outside) throw WharfException.Invalid($"forbidden path outside the build context: {outside} ()");
            return await solver.DescribeAsync(node, createdBy, cancellation);
        }
        catch (WharfException error) when (node is CopyNode copy)
        {
            var why = error is not SourceMissingException missing ? error.Message
                : missing.IsPattern ? "no source files were specified"
                : $"{(copy.From is null ? "file not found in build context or excluded by .dockerignore: " : "")}stat {missing.Word.TrimStart('/')}: file does not exist";
            throw new WharfException(error.Kind, $"{copy.Instruction.Name} failed: {why}", error);
        }
    }

    /// <summary>Runs a process and shows what it says. Gives its container.</summary>
    private async Task<string?> RunAsync(BuildNode node, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var solving = solver.SolveAsync(node, over.Token);
        string? container = null;
        try
        {
            container = await node.Progress.Container.WaitAsync(cancellation);
            if (container is not null) report.Show($" ---> Running in {container[..12]}\n");
            await foreach (var output in node.Progress.ReadOutputAsync(cancellation))
            {
                var text = Encoding.UTF8.GetString(output.Data.Span);
                if (output.Stream == 2) report.ShowError(text);
                else report.Show(text);
                await report.RoomAsync(cancellation);
            }
            await solving;
            return container;
        }
        catch
        {
            await over.CancelAsync();
            await solving.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (container is not null && !Request.KeepFailedContainer && !cancellation.IsCancellationRequested) report.Show($" ---> Removed intermediate container {container[..12]}\n");
            throw;
        }
    }

    /// <summary>
    /// The container of a step that runs nothing. Docker makes one, never starts it, and takes it away again; here there is only its ID, unless it is to stay.
    /// </summary>
    private async Task<string> MarkAsync(PlannedStage stage, string createdBy, ImageRecord? below, CancellationToken cancellation)
    {
        var shell = stage.Config.Shell ?? ["/bin/sh", "-c"];
        var id = Request.KeepContainers
            ? await parts.Containers.KeepMarkAsync(new Containers.StepContainer
            {
                ChainId = below?.ChainId, Command = [.. shell, createdBy[Math.Min(string.Join(' ', shell).Length + 1, createdBy.Length)..]], Environment = stage.Config.Env ?? [], User = stage.Config.User ?? "",
                Directory = stage.Config.WorkingDir ?? "", HostConfig = Request.RunConfig, IsClassic = true, Labels = stage.Config.Labels ?? [],
            }, below?.Id, cancellation)
            : Containers.ContainerNames.NewId();
        report.Show($" ---> Running in {id[..12]}\n");
        return id;
    }
}
