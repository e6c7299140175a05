using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
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
        if (NamespaceModes.HasOwnTime(host)) namespaces.Add(new LinuxNamespace { Type = "time" });
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
            if (other == container.Id) throw new WharfException(ErrorKind.Internal, "cannot join own network namespace");
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

    /// <summary>A running container that holds on to another one's network namespace, itself or through one that joined it.</summary>
    private Container? SharerOf(Container owner)
    {
        return _index.All().FirstOrDefault(other => other.State.HasProcess && other != owner && Joins(other));

        bool Joins(Container? joined)
        {
            for (int steps = 0; joined is not null && steps < 16; steps++)
            {
                if (NamespaceModes.ContainerOf(joined.HostConfig.NetworkMode) is not { } next) return false;
                if (next == owner.Id) return true;
                joined = _index.Find(next);
            }
            return false;
        }
    }

    private async Task TearDownNetworkAsync(Container container)
    {
        try
        {
            if (SharerOf(container) is { } sharer)
            {
                using var sandbox = OpenAt.Open($"/proc/{sharer.State.Pid}/ns/net", O.RDONLY);
                await _networks.RemoveInterfacesAsync(container.Id, sandbox);
            }
        }
        catch (Exception error) { _log.TearDownFailed(container.Id, error); } // it may just have ended: then its namespace is gone too
        try { await _networks.TearDownAsync(container.Id, CancellationToken.None); }
        catch (Exception error) { _log.TearDownFailed(container.Id, error); }
    }
}
