using Wharf.Cli.CommandLine;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Artifacts;

/// <summary>The verbs of <c>artifact</c>, with podman's names and flags.</summary>
internal static class ArtifactVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("add", "Make an artifact of files", () => new ArtifactAddCommand()),
        Verb("extract", "Write the files of an artifact", () => new ArtifactExtractCommand()),
        Verb("inspect", "Show all there is to know of artifacts", () => new ArtifactInspectCommand()),
        Verb("ls", "List artifacts", () => new ArtifactListCommand(), "artifact ls", "artifact list").As("ls", ["list"]),
        Verb("pull", "Get an artifact from a registry", () => new ArtifactPullCommand()),
        Verb("push", "Send an artifact to a registry", () => new ArtifactPushCommand()),
        Verb("rm", "Remove artifacts", () => new ArtifactRemoveCommand(), "artifact rm", "artifact remove").As("rm", ["remove"]),
    ];

    public static string PathOf(string name) => $"/wharf/artifacts/{Reference.Escape(name)}";

    public static Task<List<Specs.DockerApi.Artifact>> ListAsync(CliContext cli, CancellationToken cancellationToken) =>
        cli.Api.GetAsync("/wharf/artifacts", Specs.DockerApi.WharfJson.Default.ListArtifact, cancellationToken);
}
