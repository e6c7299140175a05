using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks;

/// <summary>What a container wants of the network.</summary>
public sealed record SandboxRequest
{
    public required string ContainerId { get; init; }
    public required string ContainerName { get; init; }
    public required string Hostname { get; init; }
    /// <summary>By network name or ID; <c>bridge</c> for the default one. Empty for <c>none</c>.</summary>
    public required IReadOnlyDictionary<string, EndpointSettings> Endpoints { get; init; }
    /// <summary>The network that gets the first interface; else they come in the order of <see cref="Endpoints"/>.</summary>
    public string? Primary { get; init; }
    /// <summary>Keys <c>80/tcp</c>; an empty HostPort asks for a free one.</summary>
    public IReadOnlyDictionary<string, List<PortBinding>?> PortBindings { get; init; } = new Dictionary<string, List<PortBinding>?>();
    public IReadOnlyCollection<string> ExposedPorts { get; init; } = [];
    public bool PublishAllPorts { get; init; }
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();
}

/// <summary>A container's network, ready to be joined. The namespace lives while this or a process in it does.</summary>
public sealed record NetworkSandbox(Fd Namespace, IReadOnlyDictionary<string, EndpointSettings> Endpoints, IReadOnlyDictionary<string, List<PortBinding>?> Ports) : IDisposable
{
    /// <summary>A path the shim can open while this object lives.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{Namespace.Value}";
    public void Dispose() => Namespace.Dispose();
}
