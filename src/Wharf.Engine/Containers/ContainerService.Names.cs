using Wharf.Engine.Networks;
using Wharf.Engine.Shims;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>What the shim's name server is to know of a container with its networks set up; null where none of them has names.</summary>
    private DnsContainer? NamesOf(Container container)
    {
        var endpoints = _networks.NamesOf(container.Id);
        foreach (var (network, settings) in container.Document.Endpoints)
            if (settings.Links is { Count: > 0 } links && endpoints.Find(endpoint => endpoint.NetworkId == _networks.IdOf(network)) is { } on) on.Links = LinkedNames(links);
        return endpoints.Count == 0 ? null : new DnsContainer { Id = container.Id, Endpoints = endpoints, Resolver = ResolverOf(container) };
    }

    private DnsResolver ResolverOf(Container container)
    {
        var config = ResolverConfig.From(FilesOf(container, container.Network), ResolverConfig.ReadHost());
        return new DnsResolver { Servers = _networks.LeadsOut(container.Id) ? config.Upstreams() : [], KeepsBareNames = config.NdotsFrom is not null && !config.Options.Contains("ndots:0") };
    }

    /// <summary>Of the links on one network (<c>name:alias</c>): aliases to the names that the others have there.</summary>
    private Dictionary<string, string> LinkedNames(List<string> links)
    {
        var names = new Dictionary<string, string>();
        foreach (var link in links)
        {
            var (name, alias) = link.IndexOf(':') is > 0 and var colon ? (link[..colon], link[(colon + 1)..]) : (link, link);
            names[alias] = (_index.Find(name)?.Name ?? name).ToLowerInvariant();
        }
        return names;
    }

    /// <summary>A running container has other names or networks than before.</summary>
    private Task UpdateNamesAsync(Container container)
    {
        if (!container.State.HasProcess || container.Network is null) return Task.CompletedTask;
        var names = NamesOf(container) ?? new DnsContainer { Id = container.Id, Resolver = HasNameServer(container) ? ResolverOf(container) : null };
        return _shim.SendAsync(new ShimRequest { Dns = new DnsRequest { Containers = [names] } }, CancellationToken.None);
    }

    // Whoever was on a network with names once asks 127.0.0.11 until its end.
    private bool HasNameServer(Container container) => File.ReadLines(Path.Combine(DirectoryOf(container.Id), "resolv.conf")).Contains("nameserver " + DnsAddress.Listen);

    /// <summary>After a restart of the daemon: the shim has kept the names, but for what changed while none was there to tell it.</summary>
    private async Task RestoreNamesAsync()
    {
        var names = _index.All().Where(container => container.State.HasProcess && container.Network is not null).Select(NamesOf).OfType<DnsContainer>().ToList();
        try { await _shim.SendAsync(new ShimRequest { Dns = new DnsRequest { Reset = true, Containers = names } }, CancellationToken.None); }
        catch (ShimException error)
        {
            // A shim from before an upgrade serves no names; its containers run on all the same.
            _log.NamesNotRestored(error);
        }
    }
}
