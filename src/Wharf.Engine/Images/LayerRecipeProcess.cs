using System.Diagnostics;
using System.Globalization;
using Wharf.Engine.Content.Recipes;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>How an attempt at a recipe ended.</summary>
/// <param name="Recipe">The recipe's digest; null for none.</param>
/// <param name="Why">Why there is none.</param>
/// <param name="IsFinal">Trying again would not help: the blob is to be kept.</param>
internal sealed record RecipeResult(Digest? Recipe, string Why, bool IsFinal);

/// <summary>Runs <c>wharf layer-recipe</c> (<see cref="RecipeJob"/>) for one blob.</summary>
internal static class LayerRecipeProcess
{
    // The running program even when its file was replaced meanwhile.
    private const string Self = "/proc/self/exe";
    private const int SIGXCPU = 24;

    /// <summary>Whether this process is <c>wharf</c>, and not a test that holds an engine.</summary>
    public static bool IsAvailable => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "wharf";

    public static async Task<RecipeResult> RunAsync(string archive, string draft, Descriptor blob, Digest diffId, long limit, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(Self, ["layer-recipe", archive, draft, blob.Digest.ToString(), diffId.ToString(), limit.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        };
        using var process = Process.Start(start)!;
        try
        {
            // What it says is one line; what is more is not read into memory.
            var output = ReadLineAsync(process.StandardOutput, cancellation);
            var error = ReadLineAsync(process.StandardError, cancellation);
            var (line, why) = (await output, await error);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode == 0 && Digest.TryParse("sha256:" + line, out var recipe)) return new RecipeResult(recipe, "", true);
            return new RecipeResult(null, why.Length > 0 ? why : $"it ended with {process.ExitCode}", process.ExitCode is RecipeJob.NotWorthIt or 128 + SIGXCPU);
        }
        catch (OperationCanceledException)
        {
            // It would end by itself with its input, but its draft has to be free before anyone goes on.
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }

    private static async Task<string> ReadLineAsync(StreamReader reader, CancellationToken cancellation)
    {
        var buffer = new char[512];
        int count = await reader.ReadBlockAsync(buffer, cancellation);
        return new string(buffer, 0, count).Split('\n')[0];
    }
}
