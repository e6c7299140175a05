using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf system check</c>: reads every image's content again and tells what is damaged.</summary>
internal sealed class CheckCommand : Command
{
    private readonly BoolFlag repair;

    public CheckCommand() => repair = Flags.Bool("repair", '\0', "Remove or make anew what is damaged");

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var report = await cli.Api.PostAsync(repair.Value ? "/wharf/check?repair=1" : "/wharf/check", WharfJson.Default.CheckReport, cancellationToken);
        foreach (var problem in report.Problems)
            await cli.Out.WriteLineAsync($"{problem.Kind} {problem.Object}: {problem.Problem}{(problem.Repaired is null ? "" : $" ({problem.Repaired})")}");
        await cli.Out.WriteLineAsync($"{report.Images} images, {report.Layers} layers, {report.Blobs} blobs, {Units.HumanSize(report.Bytes)} read: {(report.Problems.Count == 0 ? "all is well" : $"{report.Problems.Count} problems")}");
        return report.Problems.TrueForAll(problem => problem.Repaired is not null) ? 0 : 1;
    }
}
