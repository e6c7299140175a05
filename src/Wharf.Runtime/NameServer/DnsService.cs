using Wharf.Runtime.Shim;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>
/// The name servers of all containers, on the shim's event loop: they live as long as the containers do, whatever becomes of the daemon.
/// </summary>
internal sealed class DnsService(EventLoop loop)
{
    private readonly Dictionary<string, DnsSandbox> _sandboxes = new(StringComparer.Ordinal);
    private readonly DnsNames _names = new();
    private readonly DnsForwarder _forwarder = new(loop);

    /// <summary>Takes names and settings in; with a reset, those of containers not listed are forgotten, but for those that are <paramref name="starting"/>.</summary>
    public void Apply(DnsRequest request, Func<string, bool>? starting = null)
    {
        if (request.Reset)
        {
            var listed = request.Containers.Select(container => container.Id).ToHashSet(StringComparer.Ordinal);
            foreach (var id in _names.Containers.Where(id => !listed.Contains(id) && starting?.Invoke(id) != true).ToArray()) Close(id);
        }
        foreach (var container in request.Containers)
        {
            _names.Set(container);
            if (_sandboxes.TryGetValue(container.Id, out var sandbox)) sandbox.Configure(container.Resolver);
        }
    }

    public bool IsOpen(string id) => _sandboxes.ContainsKey(id);

    /// <summary>Begins to answer a container; the sockets are owned from here on.</summary>
    public void Open(DnsContainer container, DnsSockets sockets)
    {
        if (_sandboxes.Remove(container.Id, out var old)) old.Close();
        _sandboxes[container.Id] = new DnsSandbox(loop, container.Id, sockets, _names, _forwarder, container.Resolver);
    }

    /// <summary>Forgets a container: it has ended, or never started.</summary>
    public void Close(string id)
    {
        _names.Remove(id);
        if (_sandboxes.Remove(id, out var sandbox)) sandbox.Close();
    }
}
