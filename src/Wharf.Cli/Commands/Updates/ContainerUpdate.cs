using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Recipes;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Updates;

/// <summary>
/// Puts a container of a newer image in another's place: same name, configuration, networks, ports and volumes, the anonymous ones too. The
/// former one is stopped, not removed, until the new one has shown that it runs; otherwise it comes back.
/// </summary>
internal sealed class ContainerUpdate(CliContext cli, TimeSpan settling, TimeSpan patience)
{
    /// <summary>Returns null when the new one runs, and otherwise why it does not; then the former runs again if <paramref name="rollsBack"/>.</summary>
    public async Task<string?> RunAsync(ContainerInspectResponse container, DaemonDefaults defaults, bool rollsBack, CancellationToken cancellationToken)
    {
        var request = (await RecipeReader.ReadAsync(cli, container.Id!, defaults, cancellationToken)).Request;
        request.HostConfig!.Binds = [.. request.HostConfig.Binds ?? [], .. AnonymousVolumes(container)];
        // A mount that asks for a volume without naming it is one of those.
        request.HostConfig.Mounts = request.HostConfig.Mounts?.FindAll(mount => mount.Type != "volume" || mount.Source is { Length: > 0 });
        // Nothing but the name ties a recipe to its container; the new one is made while the former still runs.
        await using var former = FormerContainer.Of(cli, container);
        await former.StepAsideAsync(cancellationToken);
        var created = await cli.Api.PostAsync($"/containers/create{new Query().Add("name", former.Name)}", request, DockerApiJson.Default.ContainerCreateRequest, DockerApiJson.Default.ContainerCreateResponse, cancellationToken);
        var id = created.Id ?? throw new CliException("the daemon gave no container ID");
        if (await TryAsync(former.Id, id, cancellationToken) is not { } failure)
        {
            await former.RemoveAsync(cancellationToken);
            return null;
        }
        if (!rollsBack)
        {
            await former.RemoveAsync(cancellationToken);
            return failure;
        }
        await cli.Api.DeleteAsync($"/containers/{id}?force=1", cancellationToken);
        await former.TakeNameBackAsync(cancellationToken);
        await cli.Api.PostAsync($"/containers/{former.Id}/start", cancellationToken);
        return failure;
    }

    private async Task<string?> TryAsync(string former, string id, CancellationToken cancellationToken)
    {
        try
        {
            await cli.Api.PostAsync($"/containers/{former}/stop", cancellationToken);
            await cli.Api.PostAsync($"/containers/{id}/start", cancellationToken);
            return await WatchAsync(id, cancellationToken);
        }
        catch (ApiException e)
        {
            return e.DaemonMessage;
        }
    }

    /// <summary>With a health check it has to become healthy, without one it has to stay up for a while.</summary>
    private async Task<string?> WatchAsync(string id, CancellationToken cancellationToken)
    {
        var begun = DateTime.UtcNow;
        while (true)
        {
            var container = await RecipeReader.InspectAsync(cli, id, cancellationToken);
            var state = container.State ?? new ContainerState();
            if (state.Running != true || state.Restarting == true || container.RestartCount > 0) return $"it ended with exit code {state.ExitCode}{(state.Error is { Length: > 0 } error ? ": " + error : "")}";
            switch (state.Health?.Status)
            {
                case "healthy": return null;
                case "unhealthy": return "it became unhealthy";
                case null or "none" when DateTime.UtcNow - begun >= settling: return null;
                case "starting" when DateTime.UtcNow - begun >= patience: return "it did not become healthy in time";
            }
            await Task.Delay(100, cancellationToken);
        }
    }

    /// <summary>Volumes without a name of their own, which a container made anew would not get.</summary>
    internal static IEnumerable<string> AnonymousVolumes(ContainerInspectResponse container)
    {
        var host = container.HostConfig ?? new HostConfig();
        var asked = (host.Binds ?? []).Select(bind => bind.Split(':').ElementAtOrDefault(1)).Concat((host.Mounts ?? []).Where(mount => mount.Source is { Length: > 0 }).Select(mount => mount.Target)).ToHashSet();
        // Those of other containers come with --volumes-from again.
        if (host.VolumesFrom is { Count: > 0 }) return [];
        return (container.Mounts ?? []).Where(mount => mount.Type == "volume" && !asked.Contains(mount.Destination)).Select(mount => $"{mount.Name}:{mount.Destination}{(mount.RW == false ? ":ro" : "")}");
    }
}
