using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>What a container is called by its users.</summary>
internal static class ContainerNaming
{
    /// <summary>Its own name, not one a link gave it; its ID when the daemon tells none.</summary>
    public static string Of(ContainerSummary container) =>
        container.Names?.Select(name => name.TrimStart('/')).FirstOrDefault(name => !name.Contains('/')) ?? container.Id ?? "";

    public static string Of(ContainerInspectResponse container) => container.Name?.TrimStart('/') is { Length: > 0 } name ? name : container.Id ?? "";
}
