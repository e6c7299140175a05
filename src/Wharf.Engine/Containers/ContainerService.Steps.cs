using Wharf.Engine.Containers.Config;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>A RUN step of a build, as the container it runs in.</summary>
internal sealed record StepContainer
{
    /// <summary>The layers it starts from; null for an empty root.</summary>
    public required Digest? ChainId { get; init; }
    public required IReadOnlyList<string> Command { get; init; }
    public required IReadOnlyList<string> Environment { get; init; }
    /// <summary>Variables that are kept in memory only.</summary>
    public IReadOnlyList<string> SecretEnvironment { get; init; } = [];
    public required string User { get; init; }
    public required string Directory { get; init; }
    /// <summary>Limits, network and the like.</summary>
    public required HostConfig HostConfig { get; init; }
    public IReadOnlyList<Specs.Runtime.Mount> Mounts { get; init; } = [];
    /// <summary>Of the classic builder, whose steps have the host names that all containers have.</summary>
    public bool IsClassic { get; init; }
    /// <summary>Directories that are volumes of its own.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];
    /// <summary>Empty for the one that all steps have.</summary>
    public string Hostname { get; init; } = "";
    public bool Terminal { get; init; }
    /// <summary>Its input is whatever is attached to it, once.</summary>
    public bool Stdin { get; init; }
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
}

/// <summary>Build steps are containers like all others: the same isolation, limits and supervision. Only no listing or event shows them.</summary>
public sealed partial class ContainerService
{
    /// <summary>The host name in build steps: always the same, so that what a step writes depends on nothing but the step.</summary>
    private const string StepHostname = "buildkitsandbox";

    /// <summary>The devices that files describe now.</summary>
    internal Devices.CdiRegistry Devices() => Containers.Devices.CdiRegistry.Load(_options.CdiDirectories);

    internal async Task<string> CreateStepAsync(StepContainer step, CancellationToken cancellation)
    {
        var warnings = new List<string>();
        var config = new ContainerConfig
        {
            Hostname = step.IsClassic ? null : step.Hostname.Length > 0 ? step.Hostname : StepHostname, Volumes = step.Volumes.Count > 0 ? step.Volumes.ToDictionary(static path => path, static _ => new EmptyObject()) : null, Env = [.. step.Environment], Cmd = [.. step.Command], User = step.User, WorkingDir = step.Directory, Labels = step.Labels.Count > 0 ? new(step.Labels) : null, AttachStdout = true, AttachStderr = true,
            Tty = step.Terminal, AttachStdin = step.Stdin, OpenStdin = step.Stdin, StdinOnce = step.Stdin,
        };
        HostConfigRules.Check(step.HostConfig, config, _capacity, warnings);
        var host = HostConfigDefaults.Apply(step.HostConfig with { LogConfig = new HostConfigLogConfig { Type = "none" } }, _capacity.CgroupV2);
        var id = ContainerNames.NewId();
        var endpoints = EndpointsOf(null, host, config, warnings);
        FillConfig(config, host, id);
        var document = new ContainerDocument
        {
            Config = config, HostConfig = host, ChainId = step.ChainId?.ToString(), Path = step.Command[0], Args = [.. step.Command.Skip(1)], Endpoints = endpoints,
            IsStep = true, StepMounts = [.. step.Mounts],
        };
        var name = Reserve($"build-step-{id[..12]}", id);
        try
        {
            await MakeAsync(new Container(id, name, DateTimeOffset.UtcNow, document, new RunState()) { Pristine = true, SecretEnvironment = step.SecretEnvironment }, step.ChainId, [], cancellation);
        }
        catch
        {
            _index.Release(name, id);
            throw;
        }
        return id;
    }

    /// <summary>Makes an ended step's container one like all others: the caller wants to look at it.</summary>
    internal async Task KeepStepAsync(string id, Digest? image, CancellationToken cancellation)
    {
        var container = _index.Get(id);
        using (await container.Gate.EnterAsync(cancellation))
        {
            container.Document = container.Document with { IsStep = false, StepMounts = [], ImageId = image?.ToString() ?? "", Config = container.Config with { Image = image?.ToString() } };
            _store.SaveDocument(container);
        }
    }

    /// <summary>A container that stands for a step of the classic builder in which nothing runs.</summary>
    internal async Task<string> KeepMarkAsync(StepContainer step, Digest? image, CancellationToken cancellation)
    {
        var id = await CreateStepAsync(step, cancellation);
        await KeepStepAsync(id, image, cancellation);
        return id;
    }

    /// <summary>The step's changes as a layer; null when there are none.</summary>
    internal Task<LayerInfo?> CommitStepAsync(string id, Digest? parent, CancellationToken cancellation) => CommitLayerAsync(_index.Get(id), parent, pause: false, cancellation);
}
