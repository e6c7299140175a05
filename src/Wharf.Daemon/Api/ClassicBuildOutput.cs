using System.Text.Json;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Classic;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>A build told as the classic builder tells it, <c>Step 1/5 : …</c>. A quiet one tells only its image, or, when it fails, all of it.</summary>
internal sealed class ClassicBuildOutput(IProgress<JsonMessage> progress, bool quiet)
{
    private readonly List<JsonMessage> _held = [];

    public async Task RunAsync(BuildService builds, BuildRequest request, BuildContext files, CancellationToken cancellation)
    {
        var report = new ClassicReport(Show, text => Show($"\u001b[91m{text}\u001b[0m"), ShowStage, new Pulls(this));
        try
        {
            var image = await builds.BuildClassicAsync(request, BuildContexts.Of(files), report, ShowUnused, cancellation);
            if (quiet)
            {
                progress.Report(new JsonMessage { Stream = $"{image}\n" });
                return;
            }
            Show($"Successfully built {image.Hex[..12]}\n");
            foreach (var tag in request.Tags) Show($"Successfully tagged {ImageReference.Parse(tag).WithDefaultTag().Familiar}\n");
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            foreach (var message in _held) progress.Report(message);
            if (error is not BuildStepException step) throw;
            // Told here and not as the stream's error: it has the exit code of the process that failed.
            progress.Report(new JsonMessage { ErrorDetail = new ErrorDetail { Code = step.ExitCode, Message = step.Message }, Error = step.Message });
        }
    }

    /// <summary>What is refused before anything is answered.</summary>
    public static void Check(BuildRequest request)
    {
        CheckTags(request.Tags);
        try
        {
            BuildService.Parse(request.DockerfileText, request.DockerfileName);
        }
        catch (DockerfileException error) when (error.IsSyntax)
        {
            throw WharfException.Invalid($"failed to parse Dockerfile: {error.Problem}", error);
        }
    }

    /// <summary>Names that no image can get, refused before either builder begins.</summary>
    internal static void CheckTags(IEnumerable<string> tags)
    {
        foreach (var tag in tags)
        {
            if (ImageReference.Parse(tag).Digest is not null) throw WharfException.Invalid("build tag cannot contain a digest");
        }
    }

    private void ShowStage(Digest image)
    {
        if (!quiet) progress.Report(new JsonMessage { Aux = JsonSerializer.SerializeToElement(new ImageIdAux { ID = image.ToString() }, DockerApiJson.Default.ImageIdAux) });
    }

    private void ShowUnused(IReadOnlyList<string> names)
    {
        if (names.Count > 0) Show($"[Warning] One or more build-args [{string.Join(' ', names)}] were not consumed\n");
    }

    private void Show(string text) => Report(new JsonMessage { Stream = text });

    private void Report(JsonMessage message)
    {
        if (quiet) _held.Add(message);
        else progress.Report(message);
    }

    /// <summary>Hears of pulls.</summary>
    private sealed class Pulls(ClassicBuildOutput output) : IProgress<JsonMessage>
    {
        public void Report(JsonMessage value)
        {
            if (!output.IsQuiet) output.Report(value);
        }
    }

    private bool IsQuiet => quiet;
}
