using System.Text;
using System.Text.Json;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary>
/// A build told as the classic builder tells it, <c>Step 1/5 : …</c>. Steps run side by side where they can; they are shown stage by stage, in
/// the Dockerfile's order, so that the same build always reads the same.
/// </summary>
internal sealed class ClassicBuildOutput(IProgress<JsonMessage> progress, bool quiet)
{
    public async Task RunAsync(BuildService builds, BuildRequest request, BuildContext files, CancellationToken cancellation)
    {
        var plan = await builds.PlanAsync(request, quiet ? new Progress() : progress, cancellation);
        foreach (var warning in plan.Dockerfile.Warnings) Show(warning + "\n");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var solving = SolveAsync(builds, request, plan, files, over.Token);
        try
        {
            await ShowStepsAsync(plan, over.Token);
            Tell(request, await solving);
        }
        catch (BuildStepException error)
        {
            // Told here and not as the stream's error: it has the exit code of the process that failed.
            progress.Report(new JsonMessage { ErrorDetail = new ErrorDetail { Code = error.ExitCode, Message = error.Message }, Error = error.Message });
        }
        catch (SourceMissingException error)
        {
            throw new Specs.Errors.WharfException(error.Kind, $"COPY failed: file not found in build context or excluded by .dockerignore: stat {error.Word.TrimStart('/')}: file does not exist", error);
        }
        finally
        {
            await over.CancelAsync();
            await solving.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static async Task<BuildResult> SolveAsync(BuildService builds, BuildRequest request, BuildPlan plan, BuildContext files, CancellationToken cancellation) =>
        await builds.StoreAsync(await builds.SolveAsync(request, plan, BuildContexts.Of(files), cancellation), request.Tags, cancellation);

    private void Tell(BuildRequest request, BuildResult result)
    {
        progress.Report(new JsonMessage { Aux = JsonSerializer.SerializeToElement(new ImageIdAux { ID = result.ImageId.ToString() }, DockerApiJson.Default.ImageIdAux) });
        if (quiet) progress.Report(new JsonMessage { Stream = $"{result.ImageId}\n" });
        Show($"Successfully built {result.ImageId.Hex[..12]}\n");
        foreach (var tag in request.Tags) Show($"Successfully tagged {Specs.Image.ImageReference.Parse(tag).WithDefaultTag().Familiar}\n");
    }

    private async Task ShowStepsAsync(BuildPlan plan, CancellationToken cancellation)
    {
        foreach (var stage in plan.Stages)
        {
            foreach (var step in stage.Steps)
            {
                Show($"Step {step.Number}/{plan.StepCount} : {step.Title}");
                Show("\n");
                if (step.Node is { } node && !await ShowNodeAsync(node, cancellation)) return;
                if (step.Root.Progress.Completed is { IsFaulted: true } or { IsCanceled: true }) return;
                Show($" ---> {(await BuildService.IdAfterAsync(stage, step)).Hex[..12]}\n");
            }
        }
    }

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
        if (!completed.IsCompletedSuccessfully) return false;
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
