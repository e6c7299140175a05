using Wharf.Engine.Containers.Config;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    public const string MacWarning = "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";

    /// <summary>Creates a container; returns its ID and warnings. NotFound when the image is not here, Conflict when the name is taken.</summary>
    public async Task<ContainerCreateResponse> CreateAsync(ContainerCreateRequest request, string? name, Platform? platform, CancellationToken cancellation)
    {
        var warnings = new List<string>();
        var asked = ConfigOf(request);
        if (asked == new ContainerConfig() && request.HostConfig is null)
            throw WharfException.Invalid("config cannot be empty in order to create a container");
        ConfigRules.Check(asked);
        var given = request.HostConfig ?? new HostConfig();
        given.LogConfig = LogRules.WithDefaults(given.LogConfig, _options);
        HostConfigRules.Check(given, asked, _capacity, warnings);
        StorageRules.Check(given.StorageOpt, () => _snapshots.LimitsSizes);
        HostConfigRules.CheckRuntime(given.Runtime, _options.Runtimes);
        LogProgram.RequireAllowed(given.LogConfig.Type, _options.LogPrograms);
        RequireOtherContainers(given);
        RequireSecrets(given);
        if (given.NetworkMode == "host" && given.PortBindings is { Count: > 0 }) warnings.Add("Published ports are discarded when using host network mode");
        var bare = string.IsNullOrEmpty(name) ? null : ContainerNames.Require(name);

        var image = string.IsNullOrEmpty(asked.Image) ? null : await _images.GetAsync(asked.Image, platform, cancellation);
        using var kept = image is null ? null : _images.Keep(image.Id);
        if (image is not null && platform is null && PlatformWarning.For(image.Config) is { } warning) warnings.Add(warning);
        var config = ConfigMerge.Merge(asked, image?.Config.Config);
        ConfigRules.Check(config);
        NativeProbe.Parse(StartupCheck.Of(given, config)?.Config.Test);
        var host = HostConfigDefaults.Apply(given, _capacity.CgroupV2, _options);
        host = host with { NetworkMode = ById(host.NetworkMode), PidMode = ById(host.PidMode), IpcMode = ById(host.IpcMode) };
        var id = ContainerNames.NewId();
        var endpoints = EndpointsOf(request.NetworkingConfig, host, config, warnings);
        FillConfig(config, host, id);
        var (path, args) = ConfigMerge.Command(config);
        if (config.Entrypoint is not { Count: > 0 } && config.Cmd is not { Count: > 0 }) throw WharfException.Invalid("no command specified");
        var document = new ContainerDocument
        {
            Config = config, HostConfig = host, ImageId = image?.Id.ToString() ?? "", ChainId = image?.ChainId?.ToString(),
            Path = path, Args = args, Endpoints = endpoints,
        };
        var reserved = Reserve(bare, id);
        try
        {
            await MakeAsync(new Container(id, reserved, DateTimeOffset.UtcNow, document, new RunState()) { Pristine = true }, image?.ChainId, warnings, cancellation);
        }
        catch
        {
            _index.Release(reserved, id);
            throw;
        }
        return new ContainerCreateResponse { Id = id, Warnings = warnings };
    }

    /// <summary>Files first, the database row last: what is on disk without a row was never finished and is freed at the next start.</summary>
    private async Task MakeAsync(Container container, Digest? chainId, List<string> warnings, CancellationToken cancellation)
    {
        Directory.CreateDirectory(DirectoryOf(container.Id), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            await _snapshots.CreateWritableAsync(container.Id, chainId, cancellation, StorageRules.SizeOf(container.HostConfig.StorageOpt));
            container.Document = container.Document with { Mounts = await ResolveMountsAsync(container, warnings, cancellation) };
            _store.Insert(container);
        }
        catch
        {
            // Logged if it fails: the caller is to see the first error.
            await _background.Run("cleanup", container.Id, () => FreeFilesAsync(container.Id));
            throw;
        }
        _index.Add(container);
        Publish(container, "create");
    }

    private string Reserve(string? name, string id)
    {
        if (name is not null)
        {
            // A name may be taken by a container that is just being removed: then it is free in a moment, but a conflict now.
            return _index.TryReserve(name, id, out var holder) ? name : throw ContainerNames.Taken(name, holder);
        }
        for (int attempt = 0; ; attempt++)
        {
            var candidate = ContainerNames.Generate(attempt);
            if (_index.TryReserve(candidate, id, out _)) return candidate;
        }
    }

    private void RequireOtherContainers(HostConfig host)
    {
        RequireOther(host.PidMode);
        RequireOther(host.IpcMode);
        if (host.NetworkMode is not (null or "" or "default" or "bridge" or "none")) return;
        foreach (var link in host.Links ?? [])
        {
            var other = link.Split(':')[0];
            if (other.Length == 0) throw WharfException.Invalid("could not get container for : invalid name or ID supplied: \"\"");
            if (_index.Find(other) is null) throw WharfException.Invalid($"could not get container for {other}: No such container: {other}");
        }
    }

    /// <summary>A mode that names another container holds on to its ID: it may be renamed.</summary>
    private string? ById(string? mode) => NamespaceModes.ContainerOf(mode) is { } name && _index.Find(name) is { } found ? $"container:{found.Id}" : mode;

    private void RequireOther(string? mode)
    {
        if (NamespaceModes.ContainerOf(mode) is { } other && _index.Find(other) is null) throw WharfException.Invalid($"No such container: {other}");
    }

    /// <summary>The networks a container will be on, by name, with what was asked of each.</summary>
    private Dictionary<string, EndpointSettings> EndpointsOf(NetworkingConfig? networking, HostConfig host, ContainerConfig config, List<string> warnings)
    {
        var endpoints = new Dictionary<string, EndpointSettings>(StringComparer.Ordinal);
        var mode = host.NetworkMode!;
        if (NamespaceModes.ContainerOf(mode) is not null || config.NetworkDisabled == true)
        {
            if (config.MacAddress is { Length: > 0 }) warnings.Add(MacWarning);
            config.MacAddress = null;
            return endpoints;
        }
        foreach (var (network, settings) in networking?.EndpointsConfig ?? [])
        {
            if (settings is null) throw WharfException.Invalid($"invalid config for network {network}: EndpointsConfig is nil");
            _networks.CheckEndpoint(network, settings);
            endpoints[network == "default" ? HostConfigDefaults.NetworkMode(_options) : network] = settings;
        }
        // As in docker: who names networks is on these alone, and the mode's own is found by its ID too.
        if (endpoints.Count == 0) endpoints[mode] = new EndpointSettings();
        else if (!endpoints.ContainsKey(mode) && _networks.AliasOf(mode, endpoints.Keys) is { } key && endpoints.Remove(key, out var own)) endpoints[_networks.NameOf(mode)] = own;
        if (mode == "host" && endpoints.Keys.Any(network => network != mode))
            throw WharfException.Invalid("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
        if (config.MacAddress is not { Length: > 0 } mac) return endpoints;
        if (mode is not ("host" or "none")) _networks.CheckEndpoint(mode, new EndpointSettings { MacAddress = mac });
        if (!endpoints.ContainsKey(mode)) throw WharfException.Invalid("unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks");
        if (endpoints[mode].MacAddress is { Length: > 0 } asked && !asked.Equals(mac, StringComparison.OrdinalIgnoreCase))
            throw WharfException.Invalid("the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty");
        warnings.Add(MacWarning);
        if (mode is not ("host" or "none")) endpoints[mode] = endpoints[mode] with { MacAddress = endpoints[mode].MacAddress is { Length: > 0 } given ? given : mac };
        config.MacAddress = null;
        return endpoints;
    }

    /// <summary>Defaults that docker writes out in inspect.</summary>
    private void FillConfig(ContainerConfig config, HostConfig host, string id)
    {
        if (string.IsNullOrEmpty(config.Hostname))
            config.Hostname = host.NetworkMode == "host" ? _host.Hostname : id[..12]; // that of another's network becomes its own at the start
        config.Domainname ??= "";
        config.AttachStdin ??= false;
        config.AttachStdout ??= false;
        config.AttachStderr ??= false;
        config.Tty ??= false;
        config.OpenStdin ??= false;
        config.StdinOnce ??= false;
        config.Image ??= "";
    }

    private static ContainerConfig ConfigOf(ContainerCreateRequest request) => new()
    {
        Hostname = request.Hostname, Domainname = request.Domainname, User = request.User, AttachStdin = request.AttachStdin, AttachStdout = request.AttachStdout,
        AttachStderr = request.AttachStderr, ExposedPorts = request.ExposedPorts, Tty = request.Tty, OpenStdin = request.OpenStdin, StdinOnce = request.StdinOnce,
        Env = request.Env, Cmd = request.Cmd, Healthcheck = request.Healthcheck, ArgsEscaped = request.ArgsEscaped, Image = request.Image, Volumes = request.Volumes,
        WorkingDir = request.WorkingDir, Entrypoint = request.Entrypoint, NetworkDisabled = request.NetworkDisabled, MacAddress = request.MacAddress,
        OnBuild = request.OnBuild, Labels = request.Labels, StopSignal = request.StopSignal, StopTimeout = request.StopTimeout, Shell = request.Shell,
    };
}
