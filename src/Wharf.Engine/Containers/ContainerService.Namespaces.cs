using Wharf.Specs.DockerApi;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>The namespaces to make or join. Those that other containers or the host own come by descriptor.</summary>
    private async Task<List<LinuxNamespace>> BuildNamespacesAsync(Container container, RunSetup run)
    {
        var host = container.HostConfig;
        var namespaces = new List<LinuxNamespace>(7) { new() { Type = "mount" } };
        AddShared(namespaces, run, "pid", "pid", host.PidMode, "PID");
        AddShared(namespaces, run, "ipc", "ipc", host.IpcMode, "IPC");
        if (host.CgroupnsMode == "private") namespaces.Add(new LinuxNamespace { Type = "cgroup" });
        var network = await SetUpNetworkAsync(container, run);
        if (network is not null) namespaces.Add(network);
        if (host.UTSMode == "host") return namespaces;
        // A container in another one's network carries its host name too.
        namespaces.Add(NamespaceModes.ContainerOf(host.NetworkMode) is { } other
            ? new LinuxNamespace { Type = "uts", Path = run.HoldNamespace(RequireRunning(other, "network").State.Pid, "uts") }
            : new LinuxNamespace { Type = "uts" });
        return namespaces;
    }

    private void AddShared(List<LinuxNamespace> namespaces, RunSetup run, string type, string file, string? mode, string what)
    {
        if (mode == "host") return;
        var path = NamespaceModes.ContainerOf(mode) is { } other ? run.HoldNamespace(RequireRunning(other, what).State.Pid, file) : null;
        namespaces.Add(new LinuxNamespace { Type = type, Path = path });
    }

    /// <summary>The network namespace by mode: null for the host's, without a path for an empty one of its own.</summary>
    private async Task<LinuxNamespace?> SetUpNetworkAsync(Container container, RunSetup run)
    {
        var mode = container.HostConfig.NetworkMode!;
        if (mode == "host")
        {
            run.Network = new NetworkState { Endpoints = new() { ["host"] = _networks.JoinHost(container.Id, container.Name) } };
            run.NetworkTaken = true;
            return null;
        }
        if (NamespaceModes.ContainerOf(mode) is { } other)
        {
            var owner = RequireRunning(other, "network");
            if (container.Config.Hostname != owner.Config.Hostname)
            {
                container.Document = container.Document with { Config = container.Config with { Hostname = owner.Config.Hostname } };
                _store.SaveDocument(container);
            }
            return new LinuxNamespace { Type = "network", Path = run.HoldNamespace(owner.State.Pid, "net") };
        }
        if (container.Config.NetworkDisabled == true) return new LinuxNamespace { Type = "network" };
        var sandbox = await SetUpSandboxAsync(container);
        run.Hold(sandbox);
        run.NetworkTaken = true;
        run.Network = new NetworkState { Endpoints = new(sandbox.Endpoints), Ports = new(sandbox.Ports) };
        return new LinuxNamespace { Type = "network", Path = sandbox.Path };
    }

    private async Task TearDownNetworkAsync(Container container)
    {
        try { await _networks.TearDownAsync(container.Id, CancellationToken.None); }
        catch (Exception error) { _log.TearDownFailed(container.Id, error); }
    }
}
