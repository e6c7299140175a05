using Wharf.Engine.Networks;
using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Puts a container on one more network: at once when it runs, else with its next start.</summary>
    public async Task ConnectAsync(string nameOrId, string networkName, EndpointSettings? asked, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        var settings = asked ?? new EndpointSettings();
        using (await container.Gate.EnterAsync(cancellation))
        {
            Network network;
            try { network = _networks.Find(networkName).Network; }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound && !container.State.HasProcess)
            {
                // As in docker: it may be made before the start.
                await SaveEndpointsAsync(container, endpoints => endpoints[networkName] = settings);
                return;
            }
            RequireConnectable(container, network);
            _networks.RequireSettings(network.Id!, settings);
            if (container.State.HasProcess)
            {
                foreach (var link in settings.Links ?? [])
                    if (link.Split(':').Length > 2) throw WharfException.Invalid($"bad format for links: {link}");
                if (container.Network?.Endpoints.ContainsKey(network.Name!) == true) throw new WharfException(ErrorKind.Forbidden, $"endpoint with name {container.Name} already exists in network {network.Name}");
                using var sandbox = OpenNetworkOf(container);
                var change = await _networks.ConnectAsync(SandboxOf(container), network.Id!, settings, sandbox, CancellationToken.None);
                var endpoint = change.Endpoints[network.Name!];
                container.Network = new NetworkState { Endpoints = new(change.Endpoints), Ports = new(change.Ports) };
                ContainerFiles.AddHost(DirectoryOf(container.Id), endpoint, container.Config.Hostname ?? "", container.Config.Domainname);
                if (_networks.NamesOf(container.Id).Count > 0) ContainerFiles.UseNameServer(DirectoryOf(container.Id), FilesOf(container, container.Network));
            }
            // What was asked for first stays, as in docker.
            else if (NameOn(container, network) is not null) return;
            else if (network.Driver is not ("host" or "null") && network.Name != NetworkService.DefaultBridge)
                settings = settings with { DNSNames = NetworkService.NamesFor(container.Id, container.Name, container.Config.Hostname ?? "", settings) };
            await SaveEndpointsAsync(container, endpoints => endpoints[network.Name!] = settings);
            await UpdateNamesAsync(container);
        }
    }

    /// <summary>Takes a container off a network.</summary>
    public async Task DisconnectAsync(string nameOrId, string networkName, bool force, CancellationToken cancellation)
    {
        var container = _index.Find(nameOrId);
        if (container is null && !force) throw WharfException.NotFound($"No such container: {nameOrId}");
        Network network;
        try { network = _networks.Find(networkName).Network; }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound && container is { State.HasProcess: false })
        {
            await ForgetNetworkAsync(container, networkName, cancellation);
            return;
        }
        if (container is null)
        {
            if (!await _networks.ForgetAsync(network.Id!, nameOrId, cancellation)) throw WharfException.NotFound($"endpoint {nameOrId} not found");
            return;
        }
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (container.HostConfig.NetworkMode == "host" && network.Name == "host") throw WharfException.Invalid("cannot disconnect container from host network - container was created in host network mode");
            var name = NameOn(container, network);
            if (name is null) throw WharfException.Conflict($"container {container.Id} is not connected to {(container.State.HasProcess ? "" : "the ")}network {network.Name}");
            if (container.State.HasProcess && container.Network?.Endpoints.GetValueOrDefault(network.Name!) is { } endpoint)
            {
                using var sandbox = OpenNetworkOf(container);
                var change = await _networks.DisconnectAsync(SandboxOf(container), network.Id!, sandbox, CancellationToken.None);
                container.Network = new NetworkState { Endpoints = new(change.Endpoints), Ports = new(change.Ports) };
                ContainerFiles.RemoveHost(DirectoryOf(container.Id), endpoint);
            }
            await SaveEndpointsAsync(container, endpoints => endpoints.Remove(name));
            await UpdateNamesAsync(container);
        }
    }

    /// <summary>Takes a container that does not run off a network that is not there (any more).</summary>
    private async Task ForgetNetworkAsync(Container container, string networkName, CancellationToken cancellation)
    {
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (!container.Document.Endpoints.ContainsKey(networkName)) throw WharfException.Conflict($"container {container.Id} is not connected to the network {networkName}");
            await SaveEndpointsAsync(container, endpoints => endpoints.Remove(networkName));
        }
    }

    /// <summary>The key a container's document has for a network: its name, ID or the start of it.</summary>
    private string? NameOn(Container container, Network network) =>
        container.Document.Endpoints.Keys.FirstOrDefault(key => key == network.Name || key == network.Id || (key.Length >= 12 && network.Id!.StartsWith(key, StringComparison.Ordinal)));

    private static void RequireConnectable(Container container, Network network)
    {
        var mode = container.HostConfig.NetworkMode;
        if (container.State.Status is ContainerStatus.Removing or ContainerStatus.Dead) throw WharfException.Conflict($"container {container.Id} is marked for removal and cannot be connected or disconnected to the network");
        if (NamespaceModes.ContainerOf(mode) is not null) throw WharfException.Invalid("container sharing network namespace with another container or host cannot be connected to any other network");
        if (mode == "host" && network.Name != "host") throw WharfException.Invalid("container sharing network namespace with another container or host cannot be connected to any other network");
        if (network.Name == "host" && mode != "host") throw WharfException.Invalid("cannot connect container to host network - container must be created in host network mode");
        if ((mode == "none" && container.Document.Endpoints.ContainsKey("none")) || network.Name == "none") throw WharfException.Invalid("container cannot be connected to multiple networks with one of the networks in private (none) mode");
    }

    private static Fd OpenNetworkOf(Container container) => OpenAt.Open($"/proc/{container.State.Pid}/ns/net", O.RDONLY);

    private Task SaveEndpointsAsync(Container container, Action<Dictionary<string, EndpointSettings>> change)
    {
        var endpoints = new Dictionary<string, EndpointSettings>(container.Document.Endpoints);
        change(endpoints);
        container.Document = container.Document with { Endpoints = endpoints };
        _store.SaveDocument(container);
        _store.SaveState(container);
        return Task.CompletedTask;
    }

    private const string NetworkFailure = "failed to set up container networking: ";

    private async Task<NetworkSandbox> SetUpSandboxAsync(Container container)
    {
        try { return await _networks.SetUpAsync(SandboxOf(container), CancellationToken.None); }
        catch (WharfException error) { throw new WharfException(error.Kind, NetworkFailure + error.Message, error); }
        catch (IOException error) { throw new WharfException(ErrorKind.Internal, NetworkFailure + error.Message, error); }
    }

    private static SandboxRequest SandboxOf(Container container) => new()
    {
        ContainerId = container.Id,
        ContainerName = container.Name,
        Hostname = container.Config.Hostname ?? "",
        Endpoints = container.Document.Endpoints,
        Primary = container.HostConfig.NetworkMode,
        PortBindings = container.HostConfig.PortBindings ?? new Dictionary<string, List<PortBinding>?>(),
        ExposedPorts = container.Config.ExposedPorts?.Keys.ToList() ?? [],
        PublishAllPorts = container.HostConfig.PublishAllPorts ?? false,
        Sysctls = container.HostConfig.Sysctls ?? [],
    };
}
