using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>
/// What has to be asked for to get a container like one there is: its name and the body of a create request, with what the image and the daemon's
/// defaults give left out.
/// </summary>
internal sealed record ContainerRecipe(string Name, ContainerCreateRequest Request)
{
    /// <summary>What cannot be asked for any more, for whoever reads the recipe.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public HostConfig Host => Request.HostConfig!;

    /// <summary>The networks it is on, the one of its network mode first.</summary>
    public IReadOnlyDictionary<string, EndpointSettings> Networks => Request.NetworkingConfig?.EndpointsConfig ?? [];

    /// <summary>As inspect tells a container; <paramref name="image"/> is null when its image is gone, and then nothing is left out for it.</summary>
    public static ContainerRecipe Of(ContainerInspectResponse container, ImageConfig? image, DaemonDefaults defaults)
    {
        var config = container.Config ?? new ContainerConfig();
        var host = RecipeHost.Of(container, defaults);
        image ??= new ImageConfig();
        var request = new ContainerCreateRequest
        {
            Image = config.Image is { Length: > 0 } name ? name : container.Image,
            Hostname = IsOwn(config.Hostname, container) ? null : config.Hostname,
            Domainname = OrNull(config.Domainname),
            User = config.User == (image.User ?? "") ? null : config.User,
            WorkingDir = config.WorkingDir == (image.WorkingDir ?? "") ? null : OrNull(config.WorkingDir),
            AttachStdin = config.AttachStdin, AttachStdout = config.AttachStdout, AttachStderr = config.AttachStderr,
            Tty = config.Tty, OpenStdin = config.OpenStdin, StdinOnce = config.StdinOnce,
            ExposedPorts = Without(config.ExposedPorts, Keys(image.ExposedPorts).Concat(Keys(host.PortBindings))),
            Volumes = Without(config.Volumes, Keys(image.Volumes)),
            Env = config.Env?.Except(image.Env ?? []).ToList() is { Count: > 0 } env ? env : null,
            Labels = config.Labels?.Except(image.Labels ?? []).ToDictionary() is { Count: > 0 } labels ? labels : null,
            Healthcheck = HealthBeyond(config.Healthcheck, image.Healthcheck),
            StopSignal = config.StopSignal == image.StopSignal ? null : OrNull(config.StopSignal),
            StopTimeout = config.StopTimeout,
            MacAddress = OrNull(config.MacAddress),
            HostConfig = host,
            NetworkingConfig = new NetworkingConfig { EndpointsConfig = RecipeHost.NetworksOf(container) },
        };
        AddCommand(request, config, image);
        return new ContainerRecipe(container.Name?.TrimStart('/') ?? "", request);
    }

    /// <summary>The entrypoint only where it is another than the image's; the command where it is, or where a new entrypoint would have dropped it.</summary>
    private static void AddCommand(ContainerCreateRequest request, ContainerConfig config, ImageConfig image)
    {
        IReadOnlyList<string> entrypoint = config.Entrypoint ?? [], command = config.Cmd ?? [], imageEntrypoint = image.Entrypoint ?? [], imageCommand = image.Cmd ?? [];
        bool sameCommand = command.SequenceEqual(imageCommand);
        // Saying the entrypoint anew is the only way to have no command where the image has one.
        bool saysEntrypoint = !entrypoint.SequenceEqual(imageEntrypoint) || (command.Count == 0 && !sameCommand);
        if (saysEntrypoint) request.Entrypoint = entrypoint.Count == 0 ? [""] : [.. entrypoint];
        if (command.Count > 0 && (saysEntrypoint || !sameCommand)) request.Cmd = [.. command];
    }

    /// <summary>The host name that a container gets by itself, or that of another's network.</summary>
    private static bool IsOwn(string? hostname, ContainerInspectResponse container) =>
        string.IsNullOrEmpty(hostname) || container.Id?.StartsWith(hostname, StringComparison.Ordinal) == true || container.HostConfig?.NetworkMode is "host" || container.HostConfig?.NetworkMode?.StartsWith("container:", StringComparison.Ordinal) == true;

    private static HealthConfig? HealthBeyond(HealthConfig? health, HealthConfig? image)
    {
        if (health is null) return null;
        var beyond = new HealthConfig
        {
            Test = health.Test is null || (image?.Test is { } test && test.SequenceEqual(health.Test)) ? null : health.Test,
            Interval = Beyond(health.Interval, image?.Interval), Timeout = Beyond(health.Timeout, image?.Timeout), StartPeriod = Beyond(health.StartPeriod, image?.StartPeriod),
            StartInterval = Beyond(health.StartInterval, image?.StartInterval), Retries = Beyond(health.Retries, image?.Retries),
        };
        return beyond == new HealthConfig() ? null : beyond;

        static long? Beyond(long? value, long? given) => value is null or 0 || value == given ? null : value;
    }

    private static Dictionary<string, EmptyObject>? Without(Dictionary<string, EmptyObject>? all, IEnumerable<string> given) =>
        all?.ExceptBy(given, entry => entry.Key).ToDictionary() is { Count: > 0 } left ? left : null;

    private static IEnumerable<string> Keys<T>(Dictionary<string, T>? map) => map is null ? [] : map.Keys;

    private static string? OrNull(string? text) => text is { Length: > 0 } ? text : null;
}
