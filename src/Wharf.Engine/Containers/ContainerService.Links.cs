using System.Globalization;
using System.Text;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>docker's old links on the default bridge: others by alias in hosts and in the environment, as they are at the start.</summary>
    private IEnumerable<(Container Other, string Alias)> LinksOf(Container container)
    {
        if (container.HostConfig.NetworkMode != NetworkService.DefaultBridge) yield break;
        foreach (var link in container.HostConfig.Links ?? [])
        {
            var parts = link.Split(':');
            if (_index.Find(parts[0]) is { } other) yield return (other, parts.Length > 1 ? parts[1].TrimStart('/') : other.Name);
        }
    }

    /// <summary>By container: the names that others have for it, <c>/other/alias</c>.</summary>
    private Dictionary<string, List<string>> LinkNames()
    {
        var names = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var container in _index.All())
        {
            if (container.HostConfig.Links is not { Count: > 0 }) continue;
            foreach (var (other, alias) in LinksOf(container))
            {
                if (!names.TryGetValue(other.Id, out var known)) names[other.Id] = known = [];
                known.Add($"/{container.Name}/{alias}");
            }
        }
        return names;
    }

    /// <summary>A container by the name another one has for it, <c>other/alias</c>.</summary>
    private Container? FindLinked(string name) =>
        name.Trim('/').Split('/') is [var owner, var alias] && _index.Find(owner) is { } container ? LinksOf(container).FirstOrDefault(link => link.Alias == alias).Other : null;

    private List<string> ShownLinks(Container container) => [.. LinksOf(container).Select(link => $"/{link.Other.Name}:/{container.Name}/{link.Alias}").Order(StringComparer.Ordinal)];

    private void RequireLinked(Container container)
    {
        foreach (var (other, alias) in LinksOf(container))
        {
            if (!other.State.HasProcess) throw new WharfException(ErrorKind.Internal, $"Cannot link to a non running container: /{other.Name} AS /{container.Name}/{alias}");
            if (!other.Document.Endpoints.ContainsKey(NetworkService.DefaultBridge)) throw new WharfException(ErrorKind.Internal, $"container {other.Id} not attached to default bridge network");
        }
    }

    /// <summary>Takes the link <c>container/alias</c> from a container; what runs keeps it until its next start.</summary>
    public async Task RemoveLinkAsync(string name, CancellationToken cancellation)
    {
        var parts = name.Trim('/').Split('/');
        var container = _index.Find(parts[0]) ?? throw WharfException.NotFound($"No such container: {name}");
        if (parts.Length == 1) throw WharfException.Conflict("Conflict, cannot remove the default link name of the container");
        using (await container.Gate.EnterAsync(cancellation))
        {
            var left = (container.HostConfig.Links ?? []).Where(link => (link.Split(':') is [_, var alias] ? alias : link).TrimStart('/') != parts[1]).ToList();
            if (left.Count == (container.HostConfig.Links?.Count ?? 0)) throw WharfException.NotFound($"No such container: {name}");
            container.Document = container.Document with { HostConfig = container.HostConfig with { Links = left.Count > 0 ? left : null } };
            _store.SaveDocument(container);
        }
    }

    /// <summary>Lines of the hosts file.</summary>
    private string LinkedHosts(Container container)
    {
        var text = new StringBuilder();
        foreach (var (other, alias) in LinksOf(container))
        {
            if (AddressOf(other) is not { } address) continue;
            text.Append(address).Append('\t').AppendJoin(' ', new[] { alias, other.Config.Hostname ?? "", other.Name }.Where(name => name.Length > 0).Distinct()).Append('\n');
        }
        return text.ToString();
    }

    /// <summary><c>ALIAS_NAME</c>, <c>ALIAS_PORT</c> and <c>ALIAS_PORT_80_TCP…</c> of exposed ports, and the other's own variables as <c>ALIAS_ENV_…</c>.</summary>
    private List<string> LinkedEnvironment(Container container)
    {
        var variables = new List<string>();
        foreach (var (other, alias) in LinksOf(container))
        {
            var prefix = alias.Replace('-', '_').ToUpperInvariant();
            var address = AddressOf(other) ?? "";
            var ports = (other.Config.ExposedPorts?.Keys ?? Enumerable.Empty<string>()).Select(PortRequest.ParseKey).OrderBy(port => port.Port).ThenBy(port => port.Protocol, StringComparer.Ordinal).ToList();
            if (ports.Count > 0) variables.Add($"{prefix}_PORT={Url(ports[0])}");
            foreach (var port in ports)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{prefix}_PORT_{port.Port}_{port.Protocol.ToUpperInvariant()}");
                variables.AddRange([$"{name}={Url(port)}", $"{name}_ADDR={address}", $"{name}_PORT={port.Port}", $"{name}_PROTO={port.Protocol}"]);
            }
            variables.Add($"{prefix}_NAME=/{container.Name}/{alias}");
            variables.AddRange((other.Config.Env ?? []).Where(entry => !entry.StartsWith("PATH=", StringComparison.Ordinal) && !entry.StartsWith("HOME=", StringComparison.Ordinal)).Select(entry => $"{prefix}_ENV_{entry}"));

            string Url((int Port, string Protocol) port) => $"{port.Protocol}://{address}:{port.Port}";
        }
        return variables;
    }

    private static string? AddressOf(Container other) => other.Network?.Endpoints.GetValueOrDefault(NetworkService.DefaultBridge)?.IPAddress is { Length: > 0 } address ? address : null;
}
