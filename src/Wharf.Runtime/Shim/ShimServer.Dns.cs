using Wharf.Runtime.NameServer;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>Names of containers, and their name servers.</summary>
internal sealed partial class ShimServer
{
    /// <summary>Before a container's process is there, on its launch's thread: questions are never asked in vain.</summary>
    private void OpenNameServer(StartRequest request)
    {
        if (request.Dns is not { } container) return;
        var path = request.Spec.Linux?.Namespaces?.FirstOrDefault(space => space.Type == "network")?.Path;
        var sockets = container.Resolver is not null && path is { Length: > 0 } ? DnsSockets.Open(path) : null;
        _loop.Post(() =>
        {
            _dns.Apply(new DnsRequest { Containers = [container] });
            if (sockets is not null) _dns.Open(container, sockets);
        });
    }

    private void SetNames(ShimConnection connection, long seq, DnsRequest request)
    {
        // What ended while the request was on its way has no names any more.
        request.Containers.RemoveAll(container => !_processes.TryGetValue((container.Id, null), out var process) || !process.Running);
        _dns.Apply(request, id => _launching.Contains((id, null)));
        var missing = request.Containers.Where(container => container.Resolver is not null && !_dns.IsOpen(container.Id)).Select(container => (Container: container, _processes[(container.Id, null)].Pid)).ToList();
        if (missing.Count == 0)
        {
            connection.Respond(new ShimResponse { Seq = seq });
            return;
        }
        InBackground(connection, seq, () =>
        {
            foreach (var (container, pid) in missing)
            {
                var sockets = DnsSockets.Open($"/proc/{pid}/ns/net");
                _loop.Post(() => OpenIfRunning(container, sockets));
            }
            return new ShimResponse { Seq = seq };
        }, null);
    }

    private void OpenIfRunning(DnsContainer container, DnsSockets sockets)
    {
        if (_processes.TryGetValue((container.Id, null), out var process) && process.Running && !_dns.IsOpen(container.Id)) _dns.Open(container, sockets);
        else sockets.Dispose();
    }
}
