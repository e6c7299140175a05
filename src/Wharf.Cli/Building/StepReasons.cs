using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Building;

/// <summary><c>wharf build why [STEP]</c>: which input changed since the cached result, of one step of the last build or of all that were done again.</summary>
internal static class StepReasons
{
    public static async Task<int> WriteAsync(CliContext cli, string step, CancellationToken cancellationToken)
    {
        BuildReport report;
        try
        {
            report = await cli.Api.GetAsync("/wharf/build/why", WharfJson.Default.BuildReport, cancellationToken);
        }
        catch (ApiException e) when (e.Status == 404 && e.DaemonMessage == "page not found") { throw new CliException("this daemon does not tell why steps are done again", 1, e); }
        var chosen = step == "" ? report.Steps : Matching(report, step);
        if (chosen.Count == 0) throw new CliException($"no step {Output.Quoting.Quote(step)} in the last build, of {report.Dockerfile}: name it by number or by a part of its text");
        foreach (var found in chosen)
        {
            await cli.Out.WriteLineAsync($"Step {found.Number.ToString(CultureInfo.InvariantCulture)} ({found.Stage}): {found.Title}");
            if (found.Cached) await cli.Out.WriteLineAsync("  taken from the cache");
            foreach (var reason in found.Reasons) await cli.Out.WriteLineAsync($"  done again: {reason}");
        }
        return 0;
    }

    private static List<BuildReportStep> Matching(BuildReport report, string step)
    {
        if (int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return report.Steps.FindAll(found => found.Number == number);
        return report.Steps.FindAll(found => found.Title.Contains(step, StringComparison.OrdinalIgnoreCase) || found.Stage == step);
    }
}
