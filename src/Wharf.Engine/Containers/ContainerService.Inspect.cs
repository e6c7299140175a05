using System.Globalization;
using Wharf.Engine.Containers.Config;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    private const string ZeroTime = "0001-01-01T00:00:00Z";

    /// <summary>Everything there is to know about a container, in docker's shape.</summary>
    public async Task<ContainerInspectResponse> InspectAsync(string nameOrId, bool size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var container = _index.Get(nameOrId);
        var document = container.Document;
        bool hasFiles = File.Exists(Path.Combine(DirectoryOf(container.Id), "hosts"));
        string FileOf(string name) => hasFiles ? Path.Combine(DirectoryOf(container.Id), name) : "";
        (long Writable, long Root)? sizes = size ? _snapshots.Sizes(container.Id) : null;
        return new ContainerInspectResponse
        {
            Id = container.Id,
            Created = Time(container.Created),
            Path = document.Path,
            Args = document.Args,
            State = InspectState(container),
            Image = document.ImageId,
            ResolvConfPath = FileOf("resolv.conf"),
            HostnamePath = FileOf("hostname"),
            HostsPath = FileOf("hosts"),
            LogPath = container.HostConfig.LogConfig?.Type == "json-file" && container.State.StartedAt is not null ? LogRules.JsonPath(DirectoryOf(container.Id), container.Id) : "",
            Name = "/" + container.Name,
            RestartCount = container.State.RestartCount,
            Driver = _snapshots.DriverOf(container.Id),
            Platform = "linux",
            MountLabel = "", ProcessLabel = "", AppArmorProfile = Oci.AppArmor.Shown(document.HostConfig),
            ExecIDs = RunningExecs(container.Id),
            HostConfig = document.HostConfig.Links is { Count: > 0 } ? document.HostConfig with { Links = ShownLinks(container) is { Count: > 0 } links ? links : null } : document.HostConfig,
            GraphDriver = new DriverData { Name = _snapshots.DriverOf(container.Id), Data = DriverDataOf(container.Id) },
            SizeRw = sizes?.Writable,
            SizeRootFs = sizes?.Root,
            Mounts = document.Mounts,
            // Older clients look for the MAC address here.
            Config = document.Endpoints.GetValueOrDefault(document.HostConfig.NetworkMode ?? "")?.MacAddress is { Length: > 0 } mac ? document.Config with { MacAddress = mac } : document.Config,
            NetworkSettings = InspectNetwork(container),
        };
    }

    private static Specs.DockerApi.ContainerState InspectState(Container container)
    {
        var state = container.State;
        return new Specs.DockerApi.ContainerState
        {
            Status = ContainerTransitions.Name(state.Status),
            Running = state.IsUp,
            Paused = state.Status == ContainerStatus.Paused,
            Restarting = state.Status == ContainerStatus.Restarting,
            OOMKilled = state.OomKilled,
            Dead = state.Status == ContainerStatus.Dead,
            Pid = state.Pid,
            ExitCode = state.ExitCode,
            Error = state.Error,
            StartedAt = Time(state.StartedAt),
            FinishedAt = Time(state.FinishedAt),
            Health = container.Health?.Report(),
        };
    }

    /// <summary>The network as it is; of a container that does not run, as it is asked for.</summary>
    private NetworkSettings InspectNetwork(Container container)
    {
        var network = container.Network;
        bool isDefault = container.HostConfig.NetworkMode == "bridge";
        var shown = network?.Endpoints.GetValueOrDefault(NetworkService.DefaultBridge);
        return new NetworkSettings
        {
            Bridge = "",
            SandboxID = network is null ? "" : container.Id,
            SandboxKey = network is null ? "" : $"/proc/{container.State.Pid}/ns/net",
            Ports = network?.Ports ?? [],
            HairpinMode = false,
            LinkLocalIPv6Address = "", LinkLocalIPv6PrefixLen = 0,
            EndpointID = shown?.EndpointID ?? "",
            Gateway = shown?.Gateway ?? "",
            GlobalIPv6Address = shown?.GlobalIPv6Address ?? "",
            GlobalIPv6PrefixLen = shown?.GlobalIPv6PrefixLen ?? 0,
            IPAddress = shown?.IPAddress ?? "",
            IPPrefixLen = shown?.IPPrefixLen ?? 0,
            IPv6Gateway = shown?.IPv6Gateway ?? "",
            MacAddress = shown?.MacAddress ?? (isDefault && network is null ? EndpointsOf(container).GetValueOrDefault(NetworkService.DefaultBridge)?.MacAddress : null) ?? "",
            Networks = EndpointsOf(container),
        };
    }

    private Dictionary<string, EndpointSettings> EndpointsOf(Container container)
    {
        bool wasUp = container.State.StartedAt is not null || container.State.Error.StartsWith(NetworkFailure, StringComparison.Ordinal);
        var endpoints = container.Network?.Endpoints ?? container.Document.Endpoints;
        return endpoints.ToDictionary(entry => entry.Key, entry => entry.Value with
        {
            // After a run it is told no more, though it is kept.
            MacAddress = container.Network is null && container.State.StartedAt is not null ? "" : entry.Value.MacAddress ?? "",
            GwPriority = entry.Value.GwPriority ?? 0,
            // What a former run was on is still told.
            NetworkID = entry.Value.NetworkID ?? (wasUp ? _networks.IdOf(entry.Key) : ""),
            DNSNames = entry.Value.DNSNames ?? (wasUp && container.Network is null && _networks.HasNames(entry.Key) ? NetworkService.NamesFor(container.Id, container.Name, container.Config.Hostname ?? "", entry.Value) : null),
            EndpointID = entry.Value.EndpointID ?? "",
            Gateway = entry.Value.Gateway ?? "",
            IPAddress = entry.Value.IPAddress ?? "",
            IPPrefixLen = entry.Value.IPPrefixLen ?? 0,
            IPv6Gateway = entry.Value.IPv6Gateway ?? "",
            GlobalIPv6Address = entry.Value.GlobalIPv6Address ?? "",
            GlobalIPv6PrefixLen = entry.Value.GlobalIPv6PrefixLen ?? 0,
        });
    }

    /// <summary>Where overlay's directories are, under the names docker's overlay2 gives them.</summary>
    private Dictionary<string, string> DriverDataOf(string id)
    {
        var data = new Dictionary<string, string> { ["ID"] = id };
        foreach (var option in _snapshots.DescribeMount(id).Options ?? [])
        {
            int equals = option.IndexOf('=');
            if (equals < 0) continue;
            var value = option[(equals + 1)..];
            switch (option[..equals])
            {
                case "lowerdir": data["LowerDir"] = value; break;
                case "lowerdir+": data["LowerDir"] = data.TryGetValue("LowerDir", out var lower) ? $"{lower}:{value}" : value; break;
                case "upperdir": data["UpperDir"] = value; break;
                case "workdir": data["WorkDir"] = value; break;
            }
        }
        return data;
    }

    /// <summary>RFC 3339 in UTC with a fraction, as Go prints it: trailing zeros cut. .NET's clock ticks are 100 ns.</summary>
    private static string Time(DateTimeOffset? time) =>
        time is { } value ? value.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z" : ZeroTime;
}
