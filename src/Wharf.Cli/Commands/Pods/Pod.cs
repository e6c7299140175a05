using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Pods;

/// <summary>
/// A pod: containers that share the network, the IPC namespace and the host name of one that does nothing else, its infra container. Labels
/// say which belong together, so that every client sees it and nothing else has to be kept.
/// </summary>
internal sealed record Pod(string Name, ContainerSummary Infra, IReadOnlyList<ContainerSummary> Members)
{
    public const string NameLabel = "wharf.pod", InfraLabel = "wharf.pod.infra", SharesPidLabel = "wharf.pod.share-pid";

    public string InfraId => Infra.Id ?? "";
    public bool SharesPid => Infra.Labels?.ContainsKey(SharesPidLabel) == true;

    public string Status
    {
        get
        {
            var running = Members.Count(IsUp);
            if (Members.Count == 0) return IsUp(Infra) ? "running" : "created";
            if (running == Members.Count) return "running";
            if (running > 0) return "degraded";
            return Members.All(member => member.State == "created") ? "created" : "exited";
        }
    }

    public static bool IsUp(ContainerSummary container) => container.State is "running" or "paused" or "restarting";

    public static string InfraName(string pod) => pod + "-infra";

    public static async Task<List<Pod>> ListAsync(CliContext cli, CancellationToken cancellationToken) =>
        From(await cli.Api.GetAsync($"/containers/json{new Query().Add("all", true).AddFilters([$"label={NameLabel}"])}", DockerApiJson.Default.ListContainerSummary, cancellationToken));

    /// <summary>Groups containers; those whose infra container is gone are no pod.</summary>
    internal static List<Pod> From(IEnumerable<ContainerSummary> containers) =>
    [
        .. from container in containers
           group container by container.Labels?.GetValueOrDefault(NameLabel) ?? "" into pod
           let infra = pod.FirstOrDefault(container => container.Labels?.ContainsKey(InfraLabel) == true)
           where infra is not null
           orderby pod.Key
           select new Pod(pod.Key, infra, [.. pod.Where(container => container != infra).OrderBy(ContainerNaming.Of, StringComparer.Ordinal)]),
    ];

    public static async Task<Pod> FindAsync(CliContext cli, string name, CancellationToken cancellationToken) =>
        (await ListAsync(cli, cancellationToken)).Find(pod => pod.Name == name || (name.Length >= 4 && pod.InfraId.StartsWith(name, StringComparison.Ordinal))) ?? throw new CliException($"Error: No such pod: {name}");

    /// <summary>Makes a container to be created one of the pod's; CliException for what only the pod itself can have.</summary>
    public void Adopt(ContainerCreateRequest request)
    {
        var host = request.HostConfig ??= new HostConfig();
        if (host.NetworkMode is not (null or "" or "default")) throw Conflict("--network");
        if (host.PortBindings is { Count: > 0 } || host.PublishAllPorts == true) throw Conflict("--publish");
        if (request.Hostname is { Length: > 0 }) throw Conflict("--hostname");
        if (host.IpcMode is { Length: > 0 }) throw Conflict("--ipc");
        if (host.PidMode is { Length: > 0 } && SharesPid) throw Conflict("--pid");
        request.Labels = new Dictionary<string, string>(request.Labels ?? []) { [NameLabel] = Name };
        request.NetworkingConfig = null;
        host.NetworkMode = host.IpcMode = $"container:{InfraId}";
        if (SharesPid) host.PidMode = host.NetworkMode;
    }

    /// <summary>Removes it with its containers, running or not.</summary>
    public async Task RemoveAsync(CliContext cli, bool volumes, CancellationToken cancellationToken)
    {
        var query = new Query().Add("v", volumes).Add("force", true);
        foreach (var container in Members.Append(Infra)) await cli.Api.DeleteAsync($"/containers/{container.Id}{query}", cancellationToken);
    }

    private static CliException Conflict(string flag) => new($"conflicting options: {flag} cannot be used with --pod: it is the pod's to have", 125);
}
