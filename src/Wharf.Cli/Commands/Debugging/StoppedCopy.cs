using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Infra;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Debugging;

/// <summary>A container with a copy of a stopped one's files, in which nothing runs but a pause: something to look into. Gone when disposed of.</summary>
internal sealed class StoppedCopy : IAsyncDisposable
{
    private readonly CliContext cli;
    private readonly string imageId;

    private StoppedCopy(CliContext cli, string imageId) => (this.cli, this.imageId) = (cli, imageId);

    public string Id { get; private set; } = "";

    public static async Task<StoppedCopy> MakeAsync(CliContext cli, ContainerInspectResponse container, CancellationToken cancellationToken)
    {
        var saved = await cli.Api.PostAsync($"/commit{new Query().Add("container", container.Id).Add("comment", "wharf debug")}", new ContainerConfig(), DockerApiJson.Default.ContainerConfig, DockerApiJson.Default.IdResponse, cancellationToken);
        var copy = new StoppedCopy(cli, saved.Id ?? throw new CliException("the daemon gave no image ID"));
        try
        {
            await copy.StartAsync(container, cancellationToken);
            return copy;
        }
        catch
        {
            await copy.DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync(ContainerInspectResponse container, CancellationToken cancellationToken)
    {
        var request = new ContainerCreateRequest
        {
            Image = imageId, User = "0", Entrypoint = [PauseProgram.Path], StopSignal = "KILL", Healthcheck = new HealthConfig { Test = ["NONE"] },
            Labels = new() { [DebugCommand.Mark] = container.Name?.TrimStart('/') ?? "" },
            HostConfig = new HostConfig { NetworkMode = "none", VolumesFrom = [$"{container.Id}:ro"] },
        };
        var created = await cli.Api.PostAsync("/containers/create", request, DockerApiJson.Default.ContainerCreateRequest, DockerApiJson.Default.ContainerCreateResponse, cancellationToken);
        Id = created.Id ?? throw new CliException("the daemon gave no container ID");
        await PauseProgramUpload.PutAsync(cli, Id, cancellationToken);
        await cli.Api.PostAsync($"/containers/{Id}/start", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Id != "") await TryDeleteAsync($"/containers/{Id}?force=1&v=1");
        await TryDeleteAsync($"/images/{Reference.Escape(imageId)}");
    }

    /// <summary>What could not be removed is told: it is not to stay unnoticed, and not to hide how the session went.</summary>
    private async Task TryDeleteAsync(string path)
    {
        try
        {
            await cli.Api.DeleteAsync(path, CancellationToken.None);
        }
        catch (CliException e)
        {
            await cli.Error.WriteLineAsync($"WARNING: {e.Message}");
        }
    }
}
