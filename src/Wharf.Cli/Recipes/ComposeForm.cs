using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>Recipes as one compose file (the Compose Specification): a service each, their networks and volumes as they are.</summary>
internal static partial class ComposeForm
{
    public static string Of(IReadOnlyList<ContainerRecipe> recipes)
    {
        var names = recipes.Select(recipe => recipe.Name).ToHashSet(StringComparer.Ordinal);
        var services = new YamlMap();
        foreach (var recipe in recipes) services.Put(recipe.Name, Service(recipe, names));
        var networks = new YamlMap();
        foreach (var network in recipes.SelectMany(UserNetworks).Distinct().Order(StringComparer.Ordinal)) networks.Put(network, new YamlMap().Put("name", network).Put("external", true));
        var volumes = new YamlMap();
        foreach (var volume in recipes.SelectMany(NamedVolumes).Distinct().Order(StringComparer.Ordinal)) volumes.Put(volume, new YamlMap().Put("name", volume).Put("external", true));
        var notes = string.Concat(recipes.SelectMany(recipe => Notes(recipe).Select(note => $"# {recipe.Name}: {note}\n")));
        return notes + new YamlMap().Put("services", services).Add("networks", networks).Add("volumes", volumes);
    }

    private static YamlMap Service(ContainerRecipe recipe, HashSet<string> names)
    {
        var (request, host) = (recipe.Request, recipe.Host);
        var service = new YamlMap().Put("image", Literal(request.Image ?? "")!).Put("container_name", recipe.Name)
            .Add("entrypoint", request.Entrypoint is [""] ? new List<string> { "" } : Literals(request.Entrypoint))
            .Add("command", Literals(request.Cmd))
            .Add("hostname", Literal(request.Hostname)).Add("domainname", Literal(request.Domainname)).Add("user", Literal(request.User)).Add("working_dir", Literal(request.WorkingDir))
            .Add("environment", Literals(request.Env)).Add("labels", Literals(request.Labels)).Add("annotations", Literals(host.Annotations))
            .Add("stdin_open", request.OpenStdin == true ? true : null).Add("tty", request.Tty == true ? true : null)
            .Add("stop_signal", request.StopSignal).Add("stop_grace_period", request.StopTimeout is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"{seconds}s") : null)
            .Add("healthcheck", Health(request.Healthcheck))
            .Add("restart", host.RestartPolicy is { } policy ? policy.MaximumRetryCount is > 0 and var most ? string.Create(CultureInfo.InvariantCulture, $"{policy.Name}:{most}") : policy.Name : null);
        AddNetworks(service, recipe, names);
        AddVolumes(service, recipe);
        AddHost(service, host, names);
        AddResources(service, host);
        return service;
    }

    private static YamlMap Health(HealthConfig? health)
    {
        var map = new YamlMap();
        if (health is null) return map;
        if (health.Test is ["NONE", ..]) return map.Put("disable", true);
        return map.Add("test", Literals(health.Test)).Add("interval", Time(health.Interval)).Add("timeout", Time(health.Timeout)).Add("retries", health.Retries)
            .Add("start_period", Time(health.StartPeriod)).Add("start_interval", Time(health.StartInterval));

        static string? Time(long? nanoseconds) => nanoseconds is { } time ? GoTime.Of(time) : null;
    }

    private static void AddNetworks(YamlMap service, ContainerRecipe recipe, HashSet<string> names)
    {
        var host = recipe.Host;
        service.Add("ports", (host.PortBindings ?? []).SelectMany(entry => (entry.Value ?? [new PortBinding()]).Select(binding => RunForm.Published(entry.Key, binding))).ToList());
        service.Add("expose", recipe.Request.ExposedPorts?.Keys.ToList());
        service.Add("links", host.Links).Add("mac_address", UserNetworks(recipe).Any() ? null : recipe.Networks.Values.FirstOrDefault()?.MacAddress);
        service.Add("dns", host.Dns).Add("dns_opt", host.DnsOptions).Add("dns_search", host.DnsSearch).Add("extra_hosts", host.ExtraHosts);
        if (!UserNetworks(recipe).Any())
        {
            // Without a word compose would make a network of the project's own.
            service.Put("network_mode", OfService(host.NetworkMode, names) ?? "bridge");
            return;
        }
        var networks = new YamlMap();
        foreach (var (name, endpoint) in recipe.Networks)
        {
            networks.Put(name, new YamlMap().Add("aliases", endpoint.Aliases).Add("ipv4_address", endpoint.IPAMConfig?.IPv4Address).Add("ipv6_address", endpoint.IPAMConfig?.IPv6Address)
                .Add("link_local_ips", endpoint.IPAMConfig?.LinkLocalIPs).Add("mac_address", endpoint.MacAddress).Add("driver_opts", Literals(endpoint.DriverOpts)).Add("gw_priority", endpoint.GwPriority));
        }
        service.Put("networks", networks);
    }

    private static void AddVolumes(YamlMap service, ContainerRecipe recipe)
    {
        var volumes = new List<YamlMap>();
        foreach (var bind in recipe.Host.Binds ?? [])
        {
            var parts = bind.Split(':');
            var options = parts.Length > 2 ? parts[2].Split(',') : [];
            var isPath = parts[0].StartsWith('/');
            volumes.Add(new YamlMap().Put("type", isPath ? "bind" : "volume").Put("source", Literal(parts[0])!).Put("target", Literal(parts.ElementAtOrDefault(1) ?? "")!)
                .Add("read_only", options.Contains("ro") ? true : null)
                .Add("bind", isPath ? new YamlMap().Put("create_host_path", true).Add("propagation", options.FirstOrDefault(option => option is "shared" or "slave" or "private" or "rshared" or "rslave" or "rprivate")).Add("selinux", options.FirstOrDefault(option => option is "z" or "Z")) : null)
                .Add("volume", options.Contains("nocopy") ? new YamlMap().Put("nocopy", true) : null));
        }
        foreach (var mount in recipe.Host.Mounts ?? [])
        {
            volumes.Add(new YamlMap().Put("type", mount.Type ?? "volume").Add("source", Literal(mount.Source)).Put("target", Literal(mount.Target ?? "")!).Add("read_only", mount.ReadOnly == true ? true : null)
                .Add("bind", mount.BindOptions is { } bind ? new YamlMap().Add("propagation", bind.Propagation).Add("create_host_path", bind.CreateMountpoint == true ? true : null).Add("recursive", bind.NonRecursive == true ? "disabled" : bind.ReadOnlyNonRecursive == true ? "writable" : bind.ReadOnlyForceRecursive == true ? "readonly" : null) : null)
                .Add("volume", mount.VolumeOptions is { } volume ? new YamlMap().Add("nocopy", volume.NoCopy == true ? true : null).Add("subpath", volume.Subpath) : null)
                .Add("image", mount.ImageOptions?.Subpath is { } subpath ? new YamlMap().Put("subpath", subpath) : null)
                .Add("tmpfs", mount.TmpfsOptions is { } tmpfs ? new YamlMap().Add("size", tmpfs.SizeBytes).Add("mode", tmpfs.Mode) : null));
        }
        foreach (var target in recipe.Request.Volumes?.Keys ?? Enumerable.Empty<string>()) volumes.Add(new YamlMap().Put("type", "volume").Put("target", Literal(target)!));
        service.Add("volumes", volumes);
        service.Add("tmpfs", recipe.Host.Tmpfs?.Select(entry => entry.Value == "" ? entry.Key : $"{entry.Key}:{entry.Value}").ToList());
        service.Add("volumes_from", recipe.Host.VolumesFrom?.ConvertAll(other => $"container:{other}"));
    }

    private static IEnumerable<string> UserNetworks(ContainerRecipe recipe) => recipe.Networks.Keys.Where(name => name != "bridge");

    private static IEnumerable<string> NamedVolumes(ContainerRecipe recipe) =>
        (recipe.Host.Binds ?? []).Select(bind => bind.Split(':')[0]).Where(source => !source.StartsWith('/'))
            .Concat((recipe.Host.Mounts ?? []).Where(mount => mount.Type == "volume" && mount.Source is { Length: > 0 }).Select(mount => mount.Source!));

    /// <summary>A namespace of another service of this file, or of a container beside it.</summary>
    private static string? OfService(string? mode, HashSet<string> names) =>
        mode?.StartsWith("container:", StringComparison.Ordinal) == true && names.Contains(mode["container:".Length..]) ? "service:" + mode["container:".Length..] : mode;

    /// <summary>In compose files a dollar begins a variable.</summary>
    private static string? Literal(string? text) => text?.Replace("$", "$$", StringComparison.Ordinal);
    private static List<string>? Literals(List<string>? texts) => texts?.ConvertAll(text => Literal(text)!);
    private static YamlMap Literals(Dictionary<string, string>? pairs) => YamlMap.Of(pairs?.Select(pair => KeyValuePair.Create(pair.Key, Literal(pair.Value)!)));
}
