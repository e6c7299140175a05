using Grpc.Core;
using Wharf.BuildKit.Protocol.Gateways;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Debugging;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>Containers that a client opens over what its build made, or over what a failed step left: buildx's debugger.</summary>
internal sealed partial class LlbBridgeService
{
    /// <summary>How many a client may have open at once.</summary>
    private const int MostContainers = 64;

    public override async Task<NewContainerResponse> NewContainer(NewContainerRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        try
        {
            if (request.ContainerId.Length == 0) throw WharfException.Invalid("the container has no ID");
            if (request.Network == NetMode.Host) Require(job, "network.host");
            if (request.Platform is { Architecture.Length: > 0 } platform && !Platforms.Matches(new Specs.Image.Platform { Architecture = platform.Architecture, Os = platform.Os, Variant = platform.Variant is { Length: > 0 } variant ? variant : null }, Platforms.Host))
                throw WharfException.Invalid($"container {request.ContainerId}: this machine runs {Platforms.Describe(Platforms.Host)}, not {platform.Os}/{platform.Architecture}");
            if (job.Containers.Count >= MostContainers) throw WharfException.Conflict($"the build has {MostContainers} containers open");
            var container = await OpenAsync(job, request, context.CancellationToken);
            if (!job.Containers.TryAdd(request.ContainerId, container))
            {
                await container.DisposeAsync();
                throw WharfException.Conflict($"container {request.ContainerId} already exists");
            }
            return new NewContainerResponse();
        }
        catch (Exception error) { throw Refused(error, job); }
    }

    /// <summary>What a client may do in its containers is what its build's steps may, not more.</summary>
    internal static void Require(BuildJob job, string entitlement)
    {
        if (!job.Request.Entitlements.Contains(entitlement)) throw WharfException.Invalid($"{entitlement} is not allowed");
    }

    private async Task<BuildContainer> OpenAsync(BuildJob job, NewContainerRequest request, CancellationToken cancellation)
    {
        var setup = new BuildContainerSetup
        {
            Root = null, Network = request.Network switch { NetMode.Host => "host", NetMode.None => "none", _ => "default" },
            ExtraHosts = [.. request.ExtraHosts.Select(static host => $"{host.Host}:{host.Ip}")], Hostname = request.Hostname,
        };
        var root = request.Mounts.FirstOrDefault(static mount => mount.Dest == "/") ?? throw WharfException.Invalid($"container {request.ContainerId} has no mount for its root");
        var others = request.Mounts.Where(mount => mount != root).ToList();
        if (FailedSteps.Find(job, root.ResultId) is not { } failed)
        {
            if (others.Count > 0) throw WharfException.NotImplemented($"container {request.ContainerId}: mounts beside the root are supported for failed steps only");
            var reference = job.Find(root.ResultId);
            var solved = await reference.RootAsync(cancellation);
            return engine.Builds.OpenContainer(reference.Request, NoContexts(), setup with { Root = solved.ChainId });
        }
        var mounts = new List<StepMount>();
        Engine.Build.Language.Heredoc? script = null;
        foreach (var mount in others)
        {
            if (FailedSteps.Find(job, mount.ResultId) is not { } named || named.Step != failed.Step) throw WharfException.NotFound($"mount {mount.Dest}: no such result: {mount.ResultId}");
            if (named.IsScript) script = failed.Step.Node.Script;
            else mounts.Add(named.Mount);
        }
        return engine.Builds.OpenContainer(failed.Step.Request, failed.Step.Contexts, setup with { Root = await failed.RootAsync(), Mounts = mounts, Script = script });
    }

    private static BuildContexts NoContexts() => new(static (name, _) => throw WharfException.NotFound($"no context named \"{name}\" is open here"));

    public override async Task<ReleaseContainerResponse> ReleaseContainer(ReleaseContainerRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        if (!job.Containers.TryRemove(request.ContainerId, out var container)) throw Refused(WharfException.NotFound($"container details for {request.ContainerId} not found"), job);
        await container.DisposeAsync();
        return new ReleaseContainerResponse();
    }

    public override async Task ExecProcess(IAsyncStreamReader<ExecMessage> requestStream, IServerStreamWriter<ExecMessage> responseStream, ServerCallContext context)
    {
        var job = await JobAsync(context);
        await using var processes = new ContainerProcesses(job, responseStream, context.CancellationToken);
        await processes.RunAsync(requestStream);
    }
}
