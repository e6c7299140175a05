using System.Globalization;
using Wharf.Engine.Containers.Config;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>Which containers to list and how much of each.</summary>
public sealed record ContainerListOptions
{
    public bool All { get; init; }
    /// <summary>The newest so many, of any state; 0 or less for no limit.</summary>
    public int Limit { get; init; }
    public bool Size { get; init; }
    public IReadOnlyDictionary<string, List<string>> Filters { get; init; } = new Dictionary<string, List<string>>();
}

public sealed partial class ContainerService
{
    /// <summary>Containers that fit, newest first.</summary>
    public async Task<List<ContainerSummary>> ListAsync(ContainerListOptions options, CancellationToken cancellation)
    {
        var filter = await ContainerFilter.CreateAsync(options.Filters, this, cancellation);
        bool every = options.All || options.Limit > 0 || filter.NamesStates;
        var chosen = _index.All().Where(container => !container.Document.IsStep && (every || container.State.IsUp) && filter.Fits(container)).OrderByDescending(container => container.Created);
        var summaries = new List<ContainerSummary>();
        var names = new Dictionary<string, string?>(StringComparer.Ordinal);
        var linked = LinkNames();
        foreach (var container in options.Limit > 0 ? chosen.Take(options.Limit) : chosen)
        {
            var summary = Summarize(container);
            if (linked.TryGetValue(container.Id, out var links)) summary.Names = [.. summary.Names!.Concat(links).Order(StringComparer.Ordinal)];
            summary.Image = await ImageNameAsync(container, names, cancellation);
            if (options.Size)
            {
                cancellation.ThrowIfCancellationRequested();
                (long writable, summary.SizeRootFs) = _snapshots.Sizes(container.Id);
                summary.SizeRw = writable > 0 ? writable : null;
            }
            summaries.Add(summary);
        }
        return summaries;
    }

    /// <summary>The name a container was created by while it still names the same image, and the image's ID afterwards.</summary>
    private async Task<string> ImageNameAsync(Container container, Dictionary<string, string?> known, CancellationToken cancellation)
    {
        var (name, id) = (container.Config.Image ?? "", container.Document.ImageId);
        if (name.Length == 0 || name == id) return id;
        if (!known.TryGetValue(name, out var now))
        {
            try { now = (await _images.GetAsync(name, null, cancellation)).Id.ToString(); }
            catch (WharfException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.InvalidArgument) { now = null; }
            known[name] = now;
        }
        return now == id ? name : id;
    }

    private ContainerSummary Summarize(Container container)
    {
        var (state, document) = (container.State, container.Document);
        return new ContainerSummary
        {
            Id = container.Id,
            Names = ["/" + container.Name],
            Image = document.Config.Image is { Length: > 0 } name ? name : document.ImageId,
            ImageID = document.ImageId,
            Command = CommandText(document),
            Created = container.Created.ToUnixTimeSeconds(),
            Ports = PortsOf(container),
            Labels = document.Config.Labels ?? [],
            State = ContainerTransitions.Name(state.Status),
            Status = StatusText.Of(state, container.Health?.Status, DateTimeOffset.UtcNow),
            HostConfig = new ContainerSummaryHostConfig { NetworkMode = document.HostConfig.NetworkMode, Annotations = document.HostConfig.Annotations },
            // A list tells where a container is, not by which names.
            NetworkSettings = new ContainerSummaryNetworkSettings { Networks = EndpointsOf(container).ToDictionary(entry => entry.Key, entry => entry.Value with { Aliases = null, Links = null, DriverOpts = null, DNSNames = null }) },
            Mounts = document.Mounts,
        };
    }

    private static string CommandText(ContainerDocument document)
    {
        if (document.Args.Count == 0) return document.Path;
        return $"{document.Path} {string.Join(' ', document.Args.Select(argument => argument.Contains(' ') ? $"'{argument}'" : argument))}";
    }

    private static List<PortSummary> PortsOf(Container container)
    {
        var ports = new List<PortSummary>();
        foreach (var (key, bindings) in container.Network?.Ports ?? [])
        {
            var port = PortSpec.Parse(key);
            if (bindings is not { Count: > 0 })
            {
                ports.Add(new PortSummary { PrivatePort = port.First, Type = port.Protocol });
                continue;
            }
            foreach (var binding in bindings)
            {
                ports.Add(new PortSummary
                {
                    IP = binding.HostIp, PrivatePort = port.First, Type = port.Protocol,
                    PublicPort = int.TryParse(binding.HostPort, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null,
                });
            }
        }
        return [.. ports.OrderBy(port => port.PrivatePort).ThenBy(port => port.Type, StringComparer.Ordinal)];
    }

    /// <summary>Filters of <c>ps</c>, read and checked once per request.</summary>
    private sealed class ContainerFilter
    {
        private static readonly string[] Known =
            ["ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "name", "network", "publish", "since", "status", "volume"];

        private readonly List<Func<Container, bool>> _conditions = [];

        public bool NamesStates { get; private set; }

        public bool Fits(Container container) => _conditions.TrueForAll(condition => condition(container));

        public static async Task<ContainerFilter> CreateAsync(IReadOnlyDictionary<string, List<string>> filters, ContainerService service, CancellationToken cancellation)
        {
            var filter = new ContainerFilter();
            foreach (var (key, values) in filters)
            {
                if (Array.IndexOf(Known, key) < 0) throw WharfException.Invalid($"invalid filter '{key}'");
                if (values.Count == 0) continue;
                filter._conditions.Add(key == "ancestor" ? await AncestorAsync(values, service, cancellation) : filter.Condition(key, values, service));
            }
            return filter;
        }

        private Func<Container, bool> Condition(string key, List<string> values, ContainerService service)
        {
            switch (key)
            {
                case "id": return container => values.Exists(value => container.Id.StartsWith(value, StringComparison.Ordinal) || ContainerFilters.Matches(value, container.Id));
                case "name": return container => values.Exists(value => ContainerFilters.Matches(value, "/" + container.Name) || ContainerFilters.Matches(value, container.Name));
                case "label": return container => values.TrueForAll(value => ContainerFilters.HasLabel(container.Config.Labels, value));
                case "status":
                    NamesStates = true;
                    var states = values.ConvertAll(ContainerFilters.ParseStatus);
                    return container => states.Contains(container.State.Status);
                case "exited":
                    var codes = values.ConvertAll(ContainerFilters.ParseExitCode);
                    return container => container.State.StartedAt is not null && !container.State.IsUp && codes.Contains(container.State.ExitCode);
                case "health":
                    values.ForEach(ContainerFilters.RequireHealth);
                    return container => values.Contains(container.Health?.Status ?? "none");
                case "before" or "since":
                    var others = values.ConvertAll(service._index.Get);
                    return key == "before" ? container => others.TrueForAll(other => container.Created < other.Created) : container => others.TrueForAll(other => container.Created > other.Created);
                case "network":
                    return container => values.Exists(value => service.EndpointsOf(container).Any(endpoint => endpoint.Key == value || (endpoint.Value.NetworkID is { Length: > 0 } id && id.StartsWith(value, StringComparison.Ordinal))));
                case "volume": return container => values.Exists(value => container.Document.Mounts.Exists(mount => mount.Name == value || mount.Destination == value || mount.Source == value));
                case "publish": return PortCondition(values, container => PortsOf(container).Where(port => port.PublicPort is not null).Select(port => $"{port.PublicPort}/{port.Type}"));
                case "expose": return PortCondition(values, container => (container.Config.ExposedPorts?.Keys ?? Enumerable.Empty<string>()).Concat(PortsOf(container).Select(port => $"{port.PrivatePort}/{port.Type}")));
                case "is-task":
                    if (values.Exists(value => Specs.GoSyntax.Bool(value) is null)) throw WharfException.Invalid($"invalid filter 'is-task=[{string.Join(' ', values)}]'");
                    return _ => values.TrueForAll(value => Specs.GoSyntax.Bool(value) == false);
                default: return _ => true; // isolation is a matter of Windows
            }
        }

        private static Func<Container, bool> PortCondition(List<string> values, Func<Container, IEnumerable<string>> ports)
        {
            var wanted = values.ConvertAll(PortSpec.Parse);
            return container => ports(container).Select(PortSpec.Parse).Any(port => wanted.Exists(range => range.Protocol == port.Protocol && range.First <= port.First && port.Last <= range.Last));
        }

        /// <summary>Containers made from an image or from one built on it: its layers are the lowest of theirs.</summary>
        private static async Task<Func<Container, bool>> AncestorAsync(List<string> names, ContainerService service, CancellationToken cancellation)
        {
            var ids = new HashSet<string>(StringComparer.Ordinal);
            var chains = new List<Digest>();
            foreach (var name in names)
            {
                try
                {
                    var image = await service._images.GetAsync(name, null, cancellation);
                    ids.Add(image.Id.ToString());
                    if (image.ChainId is { } chain) chains.Add(chain);
                }
                catch (WharfException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.InvalidArgument)
                {
                    // No such image, or no name of one: no container can come from it.
                }
            }
            var descendants = new Dictionary<string, bool>(StringComparer.Ordinal);
            foreach (var imageId in service._index.All().Select(container => container.Document.ImageId).Distinct())
            {
                descendants[imageId] = ids.Contains(imageId) || (imageId.Length > 0 && await IsBuiltOnAsync(imageId, chains, service, cancellation));
            }
            return container => descendants.GetValueOrDefault(container.Document.ImageId) || names.Contains(container.Config.Image ?? "");
        }

        private static async Task<bool> IsBuiltOnAsync(string imageId, List<Digest> chains, ContainerService service, CancellationToken cancellation)
        {
            try
            {
                var image = await service._images.GetAsync(imageId, null, cancellation);
                Digest? chain = null;
                foreach (var diffId in image.Config.RootFs?.DiffIds ?? [])
                {
                    chain = Snapshots.ChainId.Of(chain, diffId);
                    if (chains.Contains(chain.Value)) return true;
                }
                return false;
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound)
            {
                // The image was removed by force; its containers stay, and nothing is known of their layers.
                return false;
            }
        }
    }
}
