using System.Text;
using System.Text.Json;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>
/// A build told as the classic builder tells it, <c>Step 1/5 : …</c>. Steps run side by side where they can; they are shown stage by stage, in
/// the Dockerfile's order, so that the same build always reads the same.
/// </summary>
internal sealed class ClassicBuildOutput(IProgress<JsonMessage> progress, bool quiet)
{
    private bool _noCache, _keepsFailed;
    private int _steps;

    public async Task RunAsync(BuildService builds, BuildRequest request, BuildContext files, CancellationToken cancellation)
    {
        (_noCache, _keepsFailed) = (request.NoCache, request.KeepFailedContainer);
        var plan = await PlanAsync(builds, request, cancellation);
        if (plan is null) return;
        // Triggers of the base image are part of its FROM; each label of the request is a step at the end.
        _steps = plan.Stages.Sum(static stage => stage.Steps.Count(step => !IsTrigger(step, stage))) + request.Labels.Count;
        foreach (var warning in plan.Dockerfile.Warnings) Show(warning + "\n");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var solving = SolveAsync(builds, request, plan, files, over.Token);
        try
        {
            await ShowStepsAsync(builds, plan, over.Token);
            if (plan.UnusedArguments.Count > 0) Show($"[Warning] One or more build-args [{string.Join(' ', plan.UnusedArguments)}] were not consumed\n");
            var result = await solving;
            foreach (var (i, (name, value)) in request.Labels.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Index())
            {
                Show($"Step {_steps - request.Labels.Count + i + 1}/{_steps} : LABEL {name}={value}");
                Show("\n");
                Show($" ---> {result.ImageId.Hex[..12]}\n");
            }
            Tell(request, result);
        }
        catch (BuildStepException error)
        {
            // Told here and not as the stream's error: it has the exit code of the process that failed.
            progress.Report(new JsonMessage { ErrorDetail = new ErrorDetail { Code = error.ExitCode, Message = error.Message }, Error = error.Message });
        }
        catch (SourceMissingException error)
        {
            throw new WharfException(error.Kind, $"COPY failed: file not found in build context or excluded by .dockerignore: stat {error.Word.TrimStart('/')}: file does not exist", error);
        }
        finally
        {
            await over.CancelAsync();
            await solving.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static async Task<BuildResult> SolveAsync(BuildService builds, BuildRequest request, BuildPlan plan, BuildContext files, CancellationToken cancellation) =>
        await builds.StoreAsync(await builds.SolveAsync(request, plan, BuildContexts.Of(files), cancellation), request.Tags, cancellation);

    /// <summary>What is refused before anything is answered.</summary>
    public static void Check(BuildRequest request)
    {
        try
        {
            foreach (var tag in request.Tags) Specs.Image.ImageReference.Parse(tag);
        }
        catch (WharfException error)
        {
            throw new WharfException(ErrorKind.Internal, error.Message, error);
        }
        try
        {
            BuildService.Parse(request.DockerfileText, request.DockerfileName);
        }
        catch (DockerfileException error) when (error.IsSyntax)
        {
            throw WharfException.Invalid($"failed to parse Dockerfile: {error.Problem}", error);
        }
    }

    /// <summary>
    /// The plan; null when it could not be made, which has then been told. The classic builder finds such errors when it comes to the step: so the
    /// stream begins, and the error is its last message.
    /// </summary>
    private async Task<BuildPlan?> PlanAsync(BuildService builds, BuildRequest request, CancellationToken cancellation)
    {
        try
        {
            return await builds.PlanAsync(request, quiet ? new Progress() : progress, cancellation);
        }
        catch (DockerfileException error) when (error.InnerException is WharfException cause && At(request, error.Line) is "EXPOSE" or "STOPSIGNAL")
        {
            ShowUpTo(request, error.Line);
            progress.Report(new JsonMessage { ErrorDetail = new ErrorDetail { Message = cause.Message }, Error = cause.Message });
            return null;
        }
        catch (WharfException error) when (error is not DockerfileException && error.Kind is not ErrorKind.InvalidArgument)
        {
            ShowUpTo(request, int.MaxValue);
            progress.Report(new JsonMessage { ErrorDetail = new ErrorDetail { Message = error.Message }, Error = error.Message });
            return null;
        }
    }

    private static string At(BuildRequest request, int line) =>
        BuildService.Parse(request.DockerfileText, request.DockerfileName).Stages.SelectMany(static stage => stage.Instructions).FirstOrDefault(instruction => instruction.FirstLine == line)?.Name ?? "";

    private void ShowUpTo(BuildRequest request, int line)
    {
        var file = BuildService.Parse(request.DockerfileText, request.DockerfileName);
        var all = file.Stages.SelectMany(static stage => stage.Instructions.Prepend(stage.From)).ToList();
        int last = line == int.MaxValue ? 0 : all.FindLastIndex(instruction => instruction.FirstLine <= line);
        for (int i = 0; i <= last; i++)
        {
            Show($"Step {i + 1}/{all.Count} : {all[i].Text}");
            Show("\n");
        }
    }

    private void Tell(BuildRequest request, BuildResult result)
    {
        if (!quiet) progress.Report(new JsonMessage { Aux = JsonSerializer.SerializeToElement(new ImageIdAux { ID = result.ImageId.ToString() }, DockerApiJson.Default.ImageIdAux) });
        if (quiet) progress.Report(new JsonMessage { Stream = $"{result.ImageId}\n" });
        Show($"Successfully built {result.ImageId.Hex[..12]}\n");
        foreach (var tag in request.Tags) Show($"Successfully tagged {Specs.Image.ImageReference.Parse(tag).WithDefaultTag().Familiar}\n");
    }

    private async Task ShowStepsAsync(BuildService builds, BuildPlan plan, CancellationToken cancellation)
    {
        int number = 0;
        foreach (var stage in plan.Stages)
        {
            bool cached = !_noCache;
            var way = "";
            foreach (var (i, step) in stage.Steps.Index())
            {
                bool isFrom = step.Instruction.Name == "FROM";
                int triggers = isFrom ? stage.Steps.Count(one => IsTrigger(one, stage)) : 0;
                if (!IsTrigger(step, stage))
                {
                    Show($"Step {++number}/{_steps} : {step.Instruction.Text}");
                    Show("\n");
                }
                if (triggers > 0) Show($"# Executing {triggers} build trigger{(triggers > 1 ? "s" : "")}\n");
                if (step.Node is { } node && !await ShowNodeAsync(node, cancellation)) return;
                if (step.Root.Progress.Completed is { IsFaulted: true } or { IsCanceled: true }) return;
                var state = await BuildService.IdAfterAsync(stage, step);
                // A step that only changes the configuration is a cached one when a build came to the same state before, by the same steps.
                way += isFrom ? $"{state}\n" : $"{state}\n{step.Title}\n";
                bool met = isFrom || builds.Meet(Specs.Image.Digest.OfBytes(Encoding.UTF8.GetBytes(way)));
                cached &= step.Node is null ? met : (await step.Root.Progress.Completed).Cached;
                if (step.Node is null && !isFrom && cached) Show(" ---> Using cache\n");
                // What triggers come to is told once, after the last.
                if (i + 1 == stage.Steps.Count || !IsTrigger(stage.Steps[i + 1], stage)) Show($" ---> {state.Hex[..12]}\n");
            }
        }
    }

    private static bool IsTrigger(PlannedStep step, PlannedStage stage) => step.Instruction.Name != "FROM" && step.Instruction.FirstLine == stage.Stage.From.FirstLine;

    /// <summary>False when the step failed: the build's error says why.</summary>
    private async Task<bool> ShowNodeAsync(BuildNode node, CancellationToken cancellation)
    {
        var container = await node.Progress.Container.WaitAsync(cancellation);
        if (container is not null) Show($" ---> Running in {container[..12]}\n");
        await foreach (var output in node.Progress.ReadOutputAsync(cancellation))
        {
            var text = Encoding.UTF8.GetString(output.Data.Span);
            Show(output.Stream == 2 ? $"\u001b[91m{text}\u001b[0m" : text);
        }
        var completed = node.Progress.Completed;
        await completed.ContinueWith(static _ => { }, cancellation, TaskContinuationOptions.None, TaskScheduler.Default);
        if (!completed.IsCompletedSuccessfully)
        {
            if (container is not null && !_keepsFailed) Show($" ---> Removed intermediate container {container[..12]}\n");
            return false;
        }
        if ((await completed).Cached) Show(" ---> Using cache\n");
        else if (container is not null) Show($" ---> Removed intermediate container {container[..12]}\n");
        return true;
    }

    private void Show(string text)
    {
        if (!quiet) progress.Report(new JsonMessage { Stream = text });
    }

    /// <summary>Hears nothing.</summary>
    private sealed class Progress : IProgress<JsonMessage>
    {
        public void Report(JsonMessage value) { }
    }
}
