using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    private static readonly string[] EtcFiles = ["hostname", "hosts", "resolv.conf"];

    /// <summary>
    /// Writes hosts, hostname and resolv.conf, and mounts them unless the user mounts something else there. A container in another
    /// one's network has that one's files.
    /// </summary>
    private List<Mount> PrepareEtcFiles(Container container, RunSetup run)
    {
        var host = container.HostConfig;
        // One that has joined another's may be joined itself.
        var owner = container;
        while (NamespaceModes.ContainerOf(owner.HostConfig.NetworkMode) is { } other)
            owner = owner == container ? RequireRunning(other, "network") : _index.Find(other) ?? throw new WharfException(ErrorKind.Internal, $"joining network namespace of container: No such container: {other}");
        var directory = DirectoryOf(owner.Id);
        if (owner == container) ContainerFiles.Write(directory, FilesOf(container, run.Network));
        var mounts = new List<Mount>(EtcFiles.Length);
        foreach (var name in EtcFiles)
        {
            var destination = "/etc/" + name;
            if (container.Document.Mounts.Exists(mount => mount.Destination == destination)) continue;
            mounts.Add(host.ReadonlyRootfs == true ? DefaultMounts.Bind(destination, Path.Combine(directory, name), "ro") : DefaultMounts.Bind(destination, Path.Combine(directory, name)));
        }
        return mounts;
    }

    private ContainerFilesRequest FilesOf(Container container, NetworkState? network)
    {
        var host = container.HostConfig;
        return new ContainerFilesRequest
        {
            Hostname = container.Config.Hostname ?? "",
            Domainname = container.Config.Domainname,
            Endpoints = network?.Endpoints.Values ?? (IReadOnlyCollection<Specs.DockerApi.EndpointSettings>)[],
            HostNetwork = host.NetworkMode == "host",
            NameServer = _networks.NamesOf(container.Id).Count > 0,
            HostGateway = _networks.HostGateway,
            ExtraHosts = host.ExtraHosts ?? [],
            LinkedHosts = LinkedHosts(container),
            Dns = host.Dns is { Count: > 0 } servers ? servers : _options.Dns,
            DnsSearch = host.DnsSearch is { Count: > 0 } search ? search : _options.DnsSearch,
            DnsOptions = host.DnsOptions is { Count: > 0 } options ? options : _options.DnsOptions,
        };
    }
}
