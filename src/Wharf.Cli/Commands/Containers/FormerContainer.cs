using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>A container whose name another is to take. Until it is removed it can have its name back, and gets it back when disposed of before.</summary>
internal sealed class FormerContainer : IAsyncDisposable
{
    private readonly CliContext cli;
    private bool isAside;

    private FormerContainer(CliContext cli, ContainerInspectResponse inspected)
    {
        this.cli = cli;
        Id = inspected.Id!;
        Name = ContainerNaming.Of(inspected);
    }

    public string Id { get; }
    public string Name { get; }

    public static FormerContainer Of(CliContext cli, ContainerInspectResponse inspected) => new(cli, inspected);

    /// <summary>The container of exactly this name, or null.</summary>
    public static async Task<FormerContainer?> FindAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        try
        {
            var inspected = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(name)}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);
            // An ID that begins so is not a name that is taken.
            return inspected.Name == "/" + name ? new FormerContainer(cli, inspected) : null;
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Leaves its name to another.</summary>
    public async Task StepAsideAsync(CancellationToken cancellationToken)
    {
        await RenameAsync($"{Name}-replaced-{Id[..12]}", cancellationToken);
        isAside = true;
    }

    /// <summary>Removes it, running or not. One that has removed itself meanwhile is gone as well.</summary>
    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        isAside = false;
        try
        {
            await cli.Api.DeleteAsync($"/containers/{Id}?force=1", cancellationToken);
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return;
        }
    }

    public async Task TakeNameBackAsync(CancellationToken cancellationToken)
    {
        if (!isAside) return;
        isAside = false;
        await RenameAsync(Name, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await TakeNameBackAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is ApiException or ConnectException or IOException)
        {
            // What kept the new one from being made is what the user is to see; this is told beside it.
            await cli.Error.WriteLineAsync($"WARNING: {Name} could not be given its name back: {e.Message}");
        }
    }

    private Task RenameAsync(string name, CancellationToken cancellationToken) => cli.Api.PostAsync($"/containers/{Id}/rename?name={Uri.EscapeDataString(name)}", cancellationToken);
}
