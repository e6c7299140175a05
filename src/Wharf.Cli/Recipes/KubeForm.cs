using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>Recipes as one Kubernetes pod (core/v1): a container each, which in a pod share their network.</summary>
internal static class KubeForm
{
    public static string Of(IReadOnlyList<ContainerRecipe> recipes)
    {
        var first = recipes[0];
        var volumes = new List<YamlMap>();
        var containers = recipes.Select(recipe => Container(recipe, volumes)).ToList();
        var aliases = recipes.SelectMany(recipe => recipe.Host.ExtraHosts ?? []).Distinct().Select(host => host.Split(':', 2)).Where(parts => parts.Length == 2)
            .Select(parts => new YamlMap().Put("ip", parts[1]).Put("hostnames", new List<string> { parts[0] })).ToList();
        var host = first.Host;
        var spec = new YamlMap().Put("containers", containers).Add("volumes", volumes.DistinctBy(volume => volume.ToString()).ToList())
            .Put("restartPolicy", host.RestartPolicy?.Name switch { "always" or "unless-stopped" => "Always", "on-failure" => "OnFailure", _ => "Never" })
            .Add("hostname", first.Request.Hostname).Add("hostNetwork", host.NetworkMode == "host" ? true : null).Add("hostPID", host.PidMode == "host" ? true : null).Add("hostIPC", host.IpcMode == "host" ? true : null)
            .Add("hostAliases", aliases).Add("terminationGracePeriodSeconds", first.Request.StopTimeout);
        if ((host.Dns ?? host.DnsSearch ?? host.DnsOptions) is not null)
        {
            spec.Add("dnsPolicy", host.Dns is null ? null : "None").Put("dnsConfig", new YamlMap().Add("nameservers", host.Dns).Add("searches", host.DnsSearch)
                .Add("options", host.DnsOptions?.ConvertAll(option => option.Split(':', 2) is [var name, var value] ? new YamlMap().Put("name", name).Put("value", value) : new YamlMap().Put("name", option))));
        }
        var sysctls = recipes.SelectMany(recipe => recipe.Host.Sysctls ?? []).DistinctBy(entry => entry.Key).Select(entry => new YamlMap().Put("name", entry.Key).Put("value", entry.Value)).ToList();
        spec.Add("securityContext", new YamlMap().Add("sysctls", sysctls));
        var metadata = new YamlMap().Put("name", Name(first.Name)).Add("labels", Labels(first.Request.Labels)).Add("annotations", Annotations(recipes));
        return new YamlMap().Put("apiVersion", "v1").Put("kind", "Pod").Put("metadata", metadata).Put("spec", spec).ToString();
    }

    private static YamlMap Container(ContainerRecipe recipe, List<YamlMap> volumes)
    {
        var (request, host) = (recipe.Request, recipe.Host);
        return new YamlMap().Put("name", Name(recipe.Name)).Put("image", request.Image ?? "").Add("command", Literals(request.Entrypoint is [""] ? null : request.Entrypoint)).Add("args", Literals(request.Cmd))
            .Add("workingDir", request.WorkingDir)
            .Add("env", request.Env?.Select(variable => variable.Split('=', 2)).Where(pair => pair.Length == 2).Select(pair => new YamlMap().Put("name", pair[0]).Put("value", Literal(pair[1]))).ToList())
            .Add("ports", Ports(recipe)).Add("stdin", request.OpenStdin == true ? true : null).Add("tty", request.Tty == true ? true : null)
            .Add("resources", Resources(host)).Add("securityContext", Security(request, host))
            .Add("volumeMounts", Mounts(recipe, volumes))
            .Add("livenessProbe", Probe(request.Healthcheck));
    }

    private static List<YamlMap> Ports(ContainerRecipe recipe)
    {
        var published = (recipe.Host.PortBindings ?? []).SelectMany(entry => (entry.Value ?? [new PortBinding()]).Select(binding => Port(entry.Key, binding)));
        return [.. published, .. (recipe.Request.ExposedPorts ?? []).Keys.Select(port => Port(port, null))];

        static YamlMap Port(string port, PortBinding? binding)
        {
            var parts = port.Split('/');
            var map = new YamlMap().Put("containerPort", Number(parts[0]));
            if (long.TryParse(binding?.HostPort, NumberStyles.None, CultureInfo.InvariantCulture, out var hostPort)) map.Put("hostPort", hostPort);
            return map.Add("hostIP", binding?.HostIp).Put("protocol", (parts.ElementAtOrDefault(1) ?? "tcp").ToUpperInvariant());
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static YamlMap Resources(HostConfig host)
    {
        var cpus = host.NanoCpus ?? (host.CpuQuota is > 0 and var quota ? quota * 1_000_000_000 / (host.CpuPeriod ?? 100_000) : null);
        var limits = new YamlMap().Add("cpu", cpus is { } nano ? string.Create(CultureInfo.InvariantCulture, $"{nano / 1_000_000}m") : null).Add("memory", host.Memory?.ToString(CultureInfo.InvariantCulture));
        return new YamlMap().Add("limits", limits).Add("requests", new YamlMap().Add("memory", host.MemoryReservation?.ToString(CultureInfo.InvariantCulture)));
    }

    private static YamlMap Security(ContainerCreateRequest request, HostConfig host)
    {
        var user = (request.User ?? "").Split(':');
        static string Plain(string capability) => capability.StartsWith("CAP_", StringComparison.Ordinal) ? capability[4..] : capability;
        return new YamlMap().Add("runAsUser", Id(user[0])).Add("runAsGroup", Id(user.ElementAtOrDefault(1)))
            .Add("privileged", host.Privileged).Add("readOnlyRootFilesystem", host.ReadonlyRootfs)
            .Add("allowPrivilegeEscalation", host.SecurityOpt?.Any(option => option.StartsWith("no-new-privileges", StringComparison.Ordinal) && !option.EndsWith("false", StringComparison.Ordinal)) == true ? false : null)
            .Add("capabilities", new YamlMap().Add("add", host.CapAdd?.ConvertAll(Plain)).Add("drop", host.CapDrop?.ConvertAll(Plain)));

        static object? Id(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
    }

    private static List<YamlMap> Mounts(ContainerRecipe recipe, List<YamlMap> volumes)
    {
        var mounts = new List<YamlMap>();
        foreach (var bind in recipe.Host.Binds ?? [])
        {
            var parts = bind.Split(':');
            var isReadOnly = parts.Length > 2 && parts[2].Split(',').Contains("ro");
            Add(parts[0].StartsWith('/') ? HostPath(parts[0]) : Claim(parts[0]), parts.ElementAtOrDefault(1) ?? "", isReadOnly, null);
        }
        foreach (var mount in recipe.Host.Mounts ?? [])
        {
            var volume = mount.Type switch { "bind" => HostPath(mount.Source ?? ""), "volume" when mount.Source is { Length: > 0 } => Claim(mount.Source), "tmpfs" => Memory(mount.TmpfsOptions?.SizeBytes), "image" => Image(mount.Source ?? ""), _ => Empty() };
            Add(volume, mount.Target ?? "", mount.ReadOnly == true, mount.VolumeOptions?.Subpath ?? mount.ImageOptions?.Subpath);
        }
        foreach (var target in recipe.Host.Tmpfs?.Keys ?? Enumerable.Empty<string>()) Add(Memory(null), target, false, null);
        foreach (var target in recipe.Request.Volumes?.Keys ?? Enumerable.Empty<string>()) Add(Empty(), target, false, null);
        return mounts;

        void Add((string Name, string Kind, YamlMap Source) volume, string target, bool isReadOnly, string? subpath)
        {
            volumes.Add(new YamlMap().Put("name", volume.Name).Put(volume.Kind, volume.Source));
            mounts.Add(new YamlMap().Put("name", volume.Name).Put("mountPath", target).Add("readOnly", isReadOnly ? true : null).Add("subPath", subpath));
        }

        static (string, string, YamlMap) HostPath(string path) => (Name("host" + path.Replace('/', '-')), "hostPath", new YamlMap().Put("path", path));
        static (string, string, YamlMap) Claim(string name) => (Name(name), "persistentVolumeClaim", new YamlMap().Put("claimName", Name(name)));
        static (string, string, YamlMap) Image(string reference) => (Name("image-" + reference), "image", new YamlMap().Put("reference", reference));
        (string, string, YamlMap) Memory(long? size) => (Fresh(), "emptyDir", new YamlMap().Put("medium", "Memory").Add("sizeLimit", size?.ToString(CultureInfo.InvariantCulture)));
        (string, string, YamlMap) Empty() => (Fresh(), "emptyDir", new YamlMap());
        string Fresh() => string.Create(CultureInfo.InvariantCulture, $"{Name(recipe.Name)}-{mounts.Count}");
    }

    private static YamlMap? Probe(HealthConfig? health)
    {
        var action = health?.Test switch
        {
            ["CMD-SHELL", var script] => new YamlMap().Put("exec", new YamlMap().Put("command", new List<string> { "/bin/sh", "-c", script })),
            ["CMD", .. var words] => new YamlMap().Put("exec", new YamlMap().Put("command", words)),
            ["HTTP", var text] when Uri.TryCreate(text, UriKind.Absolute, out var url) => new YamlMap().Put("httpGet", new YamlMap().Put("path", url.PathAndQuery).Put("port", (long)url.Port)),
            ["TCP", var address] when long.TryParse(address[(address.LastIndexOf(':') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) => new YamlMap().Put("tcpSocket", new YamlMap().Put("port", port)),
            _ => null,
        };
        return action?.Add("periodSeconds", Seconds(health!.Interval)).Add("timeoutSeconds", Seconds(health.Timeout)).Add("initialDelaySeconds", Seconds(health.StartPeriod)).Add("failureThreshold", health.Retries);

        static long? Seconds(long? nanoseconds) => nanoseconds is { } time ? Math.Max(1, (time + 500_000_000) / 1_000_000_000) : null;
    }

    /// <summary>A label's value is 63 letters, digits, dashes, dots and underscores; others become annotations.</summary>
    private static bool IsLabel(KeyValuePair<string, string> label) => label.Value.Length <= 63 && label.Value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && (label.Value == "" || (char.IsAsciiLetterOrDigit(label.Value[0]) && char.IsAsciiLetterOrDigit(label.Value[^1])));

    private static YamlMap Labels(Dictionary<string, string>? labels) => YamlMap.Of(labels?.Where(IsLabel));

    private static YamlMap Annotations(IReadOnlyList<ContainerRecipe> recipes) => YamlMap.Of(
        recipes.SelectMany(recipe => (recipe.Host.Annotations ?? []).Concat((recipe.Request.Labels ?? []).Where(label => !IsLabel(label)))).DistinctBy(entry => entry.Key));

    /// <summary>A name as RFC 1123 has labels: lower case letters, digits and dashes, 63 at most.</summary>
    internal static string Name(string text)
    {
        var name = new string([.. text.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]).Trim('-');
        return name.Length > 63 ? name[..63].TrimEnd('-') : name == "" ? "container" : name;
    }

    /// <summary>In commands and variables <c>$(NAME)</c> stands for a variable.</summary>
    private static string Literal(string text) => text.Replace("$(", "$$(", StringComparison.Ordinal);
    private static List<string>? Literals(List<string>? texts) => texts?.ConvertAll(Literal);
}
