using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Artifacts;

/// <summary><c>wharf artifact ls</c>.</summary>
internal sealed class ArtifactListCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag noTruncate, quiet;

    public ArtifactListCommand()
    {
        format = Flags.AddFormat();
        noTruncate = Flags.Bool("no-trunc", "Do not shorten digests");
        quiet = Flags.Bool("quiet", 'q', "Only the digests");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var artifacts = await ArtifactVerbs.ListAsync(cli, cancellationToken);
        await cli.Out.WriteAsync(Create().Render(format.Value == "" ? "table" : format.Value, quiet, artifacts));
        return 0;
    }

    private Listing<Artifact> Create() => new()
    {
        TableFormat = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.CreatedSince}}\t{{.Size}}",
        QuietFormat = "{{.Digest}}",
        Columns =
        [
            new("Repository", "REPOSITORY", artifact => Reference.Split(artifact.Name).Name), new("Tag", "TAG", artifact => Reference.Split(artifact.Name).Tag is { Length: > 0 } tag ? tag : "<none>"),
            new("Digest", "DIGEST", artifact => noTruncate ? artifact.Digest : artifact.Digest["sha256:".Length..][..12]), new("CreatedSince", "CREATED", artifact => Ago.Since(artifact.CreatedAt, DateTimeOffset.UtcNow) + " ago"),
            new("CreatedAt", "CREATED AT", artifact => artifact.CreatedAt.ToString("o")), new("Size", "SIZE", artifact => Units.HumanSize(artifact.Size)), new("Type", "TYPE", artifact => artifact.Manifest.ArtifactType ?? artifact.Manifest.Config?.MediaType ?? ""),
            new("Subject", "SUBJECT", artifact => artifact.Manifest.Subject?.Digest.ToString() ?? ""),
        ],
    };
}

/// <summary><c>wharf artifact inspect</c>.</summary>
internal sealed class ArtifactInspectCommand : Command
{
    private readonly StringFlag format;

    public ArtifactInspectCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS] ARTIFACT [ARTIFACT...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"{ArtifactVerbs.PathOf(name)}/json", cancellationToken));
}

/// <summary><c>wharf artifact rm</c>.</summary>
internal sealed class ArtifactRemoveCommand : EachCommand
{
    private readonly BoolFlag all, ignore;

    public ArtifactRemoveCommand()
    {
        all = Flags.Bool("all", 'a', "Every artifact");
        ignore = Flags.Bool("ignore", 'i', "Do not mind those that are not there");
    }

    public override string Usage => "[OPTIONS] ARTIFACT [ARTIFACT...]";
    public override int MinArguments => all ? 0 : 1;

    protected override bool IsPassedOver(CliException error) => ignore && error is ApiClient.ApiException { Status: 404 };

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!all) return await base.RunAsync(cli, arguments, cancellationToken);
        if (arguments.Count > 0) throw new CliException("--all takes no names");
        return await base.RunAsync(cli, [.. (await ArtifactVerbs.ListAsync(cli, cancellationToken)).Select(static artifact => artifact.Name)], cancellationToken);
    }

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken) =>
        ApiClient.DockerClient.Read(await cli.Api.DeleteAsync(ArtifactVerbs.PathOf(name), cancellationToken), WharfJson.Default.ArtifactRemoval).Digest;
}
