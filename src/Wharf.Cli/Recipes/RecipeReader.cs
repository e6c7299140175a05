using Wharf.Cli.ApiClient;
using Wharf.Cli.Commands;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>Asks a daemon for all that a recipe needs.</summary>
internal static class RecipeReader
{
    public static async Task<DaemonDefaults> DefaultsAsync(CliContext cli, CancellationToken cancellationToken) =>
        DaemonDefaults.Of(await cli.Api.GetAsync("/info", DockerApiJson.Default.SystemInfo, cancellationToken));

    public static Task<ContainerInspectResponse> InspectAsync(CliContext cli, string name, CancellationToken cancellationToken) =>
        cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(name)}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);

    /// <summary>Of a container by name. Others that it shares namespaces with are told by name, so that they can be made anew as well.</summary>
    public static async Task<ContainerRecipe> ReadAsync(CliContext cli, string name, DaemonDefaults defaults, CancellationToken cancellationToken)
    {
        var container = await InspectAsync(cli, name, cancellationToken);
        var recipe = ContainerRecipe.Of(container, await ImageAsync(cli, container.Image ?? "", cancellationToken), defaults);
        var host = recipe.Host;
        host.NetworkMode = await ByNameAsync(cli, host.NetworkMode, cancellationToken);
        host.PidMode = await ByNameAsync(cli, host.PidMode, cancellationToken);
        host.IpcMode = await ByNameAsync(cli, host.IpcMode, cancellationToken);
        return recipe;
    }

    /// <summary>Null when the image is not there any more.</summary>
    private static async Task<ImageConfig?> ImageAsync(CliContext cli, string id, CancellationToken cancellationToken)
    {
        if (id == "") return null;
        try
        {
            return (await cli.Api.GetAsync($"/images/{Reference.Escape(id)}/json", DockerApiJson.Default.ImageInspect, cancellationToken)).Config;
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return null;
        }
    }

    private static async Task<string?> ByNameAsync(CliContext cli, string? mode, CancellationToken cancellationToken)
    {
        const string prefix = "container:";
        if (mode?.StartsWith(prefix, StringComparison.Ordinal) != true) return mode;
        try
        {
            return prefix + (await InspectAsync(cli, mode[prefix.Length..], cancellationToken)).Name?.TrimStart('/');
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return mode;
        }
    }
}
