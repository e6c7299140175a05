using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Pods;

/// <summary>A verb done to each of the pods named.</summary>
internal abstract class PodCommand : EachCommand
{
    public override string Usage => "[OPTIONS] POD [POD...]";

    protected abstract Task ApplyAsync(CliContext cli, Pod pod, CancellationToken cancellationToken);

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var pod = await Pod.FindAsync(cli, name, cancellationToken);
        await ApplyAsync(cli, pod, cancellationToken);
        return pod.Name;
    }
}

/// <summary><c>wharf pod start</c>: the infra container first, whose namespaces the others join.</summary>
internal sealed class PodStartCommand : PodCommand
{
    public override string Usage => "POD [POD...]";

    protected override async Task ApplyAsync(CliContext cli, Pod pod, CancellationToken cancellationToken)
    {
        foreach (var container in pod.Members.Prepend(pod.Infra).Where(container => !Pod.IsUp(container))) await cli.Api.PostAsync($"/containers/{container.Id}/start", cancellationToken);
    }
}

/// <summary><c>wharf pod stop</c>: all members at once, then the infra container.</summary>
internal sealed class PodStopCommand : PodCommand
{
    private readonly IntFlag timeout;

    public PodStopCommand() => timeout = Flags.Int("timeout", 't', "Seconds to wait before killing the containers");

    protected override async Task ApplyAsync(CliContext cli, Pod pod, CancellationToken cancellationToken)
    {
        var query = new Query().Add("t", timeout.Changed ? timeout.Value : null);
        await Task.WhenAll(pod.Members.Where(Pod.IsUp).Select(member => cli.Api.PostAsync($"/containers/{member.Id}/stop{query}", cancellationToken)));
        await cli.Api.PostAsync($"/containers/{pod.InfraId}/stop", cancellationToken);
    }
}

/// <summary><c>wharf pod rm</c>.</summary>
internal sealed class PodRemoveCommand : PodCommand
{
    private readonly BoolFlag force, volumes;

    public PodRemoveCommand()
    {
        force = Flags.Bool("force", 'f', "Kill containers that run");
        volumes = Flags.Bool("volumes", 'v', "Also remove the containers' anonymous volumes");
    }

    protected override async Task ApplyAsync(CliContext cli, Pod pod, CancellationToken cancellationToken)
    {
        // Nothing is removed of a pod that cannot be removed whole.
        if (!force && pod.Members.Any(Pod.IsUp)) throw new CliException($"Error: pod {pod.Name} has running containers: stop it or use --force");
        await pod.RemoveAsync(cli, volumes, cancellationToken);
    }
}
