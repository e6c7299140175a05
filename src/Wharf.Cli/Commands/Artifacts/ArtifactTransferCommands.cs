using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Artifacts;

/// <summary>A way to or from a registry, with its progress.</summary>
internal abstract class ArtifactTransferCommand : Command
{
    private readonly BoolFlag quiet;

    protected ArtifactTransferCommand() => quiet = Flags.Bool("quiet", 'q', "Do not show the progress");

    public override int MinArguments => 1;

    protected async Task TransferAsync(CliContext cli, string path, string registry, CancellationToken cancellationToken)
    {
        var header = await new Credentials(cli.Config).HeaderAsync(registry, cancellationToken);
        await using var response = await cli.Api.SendAsync(new ApiRequest("POST", path) { Headers = [new("X-Registry-Auth", header)] }, cancellationToken);
        var display = quiet ? new ProgressDisplay(TextWriter.Null, isTerminal: false, columns: 80) : ProgressDisplay.For(cli, cli.Out, 1);
        await display.RunAsync(response.Body, cancellationToken);
    }
}

/// <summary><c>wharf artifact pull</c>.</summary>
internal sealed class ArtifactPullCommand : ArtifactTransferCommand
{
    public override string Usage => "[OPTIONS] NAME[:TAG|@DIGEST]";
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        Reference.Check(arguments[0]);
        await TransferAsync(cli, $"{ArtifactVerbs.PathOf(arguments[0])}/pull", Reference.Registry(arguments[0]), cancellationToken);
        return 0;
    }
}

/// <summary><c>wharf artifact push</c>.</summary>
internal sealed class ArtifactPushCommand : ArtifactTransferCommand
{
    private readonly BoolFlag byDigest;

    public ArtifactPushCommand() => byDigest = Flags.Bool("by-digest", "Give it no tag there: it is found by its digest, or as a referrer of its subject");

    public override string Usage => "[OPTIONS] ARTIFACT [NAME[:TAG]]";
    public override string Details => "Without a second name it goes to where its own name says.";
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var target = arguments[^1];
        if (arguments.Count == 2) Reference.Check(target);
        // Of a digest it is the artifact's own name that tells the registry.
        else target = (await cli.Api.GetAsync($"{ArtifactVerbs.PathOf(target)}/json", Specs.DockerApi.WharfJson.Default.Artifact, cancellationToken)).Name;
        var query = new Query().Add("destination", target).Add("byDigest", byDigest);
        await TransferAsync(cli, $"{ArtifactVerbs.PathOf(arguments[0])}/push{query}", Reference.Registry(target), cancellationToken);
        return 0;
    }
}
