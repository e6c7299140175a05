using System.Text.Json;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

// From what was typed to the body of POST /containers/create.
internal sealed partial class ContainerFlags
{
    /// <summary>Throws <see cref="CliException"/> with exit code 125 for what does not fit together.</summary>
    public ContainerCreateRequest Build(IReadOnlyList<string> arguments, string apiSocket, ConfigFile? config = null, string daemon = "")
    {
        if (autoRemove && restart.Changed && restart.Value is not ("no" or "")) throw Conflict("cannot specify both --restart and --rm");
        var (exposed, bindings) = PortSpec.Build(publish.Values, expose.Values);
        var (binds, anonymous) = BuildVolumes();
        if (useApiSocket) binds.Add($"{apiSocket}:/var/run/docker.sock");
        var (attachIn, attachOut, attachErr) = BuildAttach();
        var request = new ContainerCreateRequest
        {
            Image = arguments[0],
            Cmd = arguments.Count > 1 ? [.. arguments.Skip(1)] : null,
            Entrypoint = entrypoint.Changed ? WordList.Parse(entrypoint.Value) ?? [entrypoint.Value] : null,
            Hostname = hostName.Value,
            Domainname = domainName.Value,
            User = user.Value,
            WorkingDir = workingDirectory.Value,
            Tty = tty,
            OpenStdin = interactive,
            StdinOnce = interactive && attachIn,
            AttachStdin = attachIn,
            AttachStdout = attachOut,
            AttachStderr = attachErr,
            ExposedPorts = exposed.Count == 0 ? null : exposed,
            Volumes = anonymous,
            Env = BuildEnvironment(config, daemon),
            Labels = KeyValue.ToMap(labelFile.Values.SelectMany(file => EnvironmentFile.Read(file, takesFromEnvironment: false)).Concat(label.Values)),
            Healthcheck = health.Build(),
            StopSignal = stopSignal.Changed ? stopSignal.Value : null,
            StopTimeout = stopTimeout.Changed ? stopTimeout.Value : null,
            HostConfig = BuildHostConfig(binds, bindings),
            NetworkingConfig = BuildNetworks(),
        };
        ApplySystemd(request);
        return request;
    }

    private List<string>? BuildEnvironment(ConfigFile? config, string daemon)
    {
        var given = EnvironmentFile.Collect(environmentFile.Values, environment.Values);
        List<string> more = config is null ? [] : [.. ProxySettings.Missing(config, daemon, given ?? []).Select(pair => $"{pair.Key}={pair.Value}")];
        return more.Count == 0 ? given : [.. given ?? [], .. more];
    }

    private static CliException Conflict(string message) => new($"conflicting options: {message}", 125);

    /// <summary>Whether <c>--attach</c> was given.</summary>
    public bool ChoosesStreams => attach.Values.Count > 0;

    private (bool In, bool Out, bool Err) BuildAttach()
    {
        if (attach.Values.Count == 0) return (interactive, true, true);
        return (attach.Values.Contains("stdin"), attach.Values.Contains("stdout"), attach.Values.Contains("stderr"));
    }

    private static string CheckMac(string text)
    {
        var parts = text.Split(text.Contains('-') ? '-' : ':');
        return parts.Length is 6 or 8 && parts.All(part => part.Length == 2 && part.All(char.IsAsciiHexDigit)) ? text : throw new CliException($"{text} is not a valid mac address", 125);
    }

    /// <summary>A name or path alone is an anonymous volume at that place; with a colon it binds something to it.</summary>
    private (List<string> Binds, Dictionary<string, EmptyObject>? Anonymous) BuildVolumes()
    {
        var binds = new List<string>();
        Dictionary<string, EmptyObject>? anonymous = null;
        foreach (var text in volume.Values)
        {
            if (text == "") throw new CliException("invalid empty volume spec", 125);
            if (IsPathAlone(text))
            {
                (anonymous ??= [])[text] = new EmptyObject();
                continue;
            }
            CheckVolume(text);
            var at = text.IndexOf(':');
            var source = text[..at];
            binds.Add(source == "." || source.StartsWith("./", StringComparison.Ordinal) || source.StartsWith("../", StringComparison.Ordinal) || source == ".." ? Path.GetFullPath(source) + text[at..] : text);
        }
        return (binds, anonymous);
    }

    /// <summary>Source, target and mode, none of them empty; a letter alone is a drive's, as docker reads it on every system, and goes with what follows.</summary>
    private static void CheckVolume(string text)
    {
        var parts = text.Split(':').ToList();
        for (var i = 0; i + 1 < parts.Count; i++)
        {
            if (parts[i].Length != 1 || !char.IsLetter(parts[i][0])) continue;
            parts[i] += ":" + parts[i + 1];
            parts.RemoveAt(i + 1);
        }
        if (parts.Contains("")) throw new CliException($"invalid spec: {text}: empty section between colons", 125);
        if (parts.Count > 3) throw new CliException($"invalid spec: {text}: too many colons", 125);
    }

    /// <summary>Docker takes one or two characters, and what begins like a drive's letter, for a path in the container as well.</summary>
    private static bool IsPathAlone(string text) => text.Length <= 2 || !text.Contains(':') || (char.IsLetter(text[0]) && text[1] == ':' && text.IndexOf(':', 2) < 0);

    /// <summary>docker's API has no fields for these: the engine reads them from annotations.</summary>
    private Dictionary<string, string>? BuildAnnotations()
    {
        var values = new Dictionary<string, string>(annotation.Values);
        if (onUnhealthy.Value != "") values["wharf.on-unhealthy"] = onUnhealthy.Value;
        foreach (var (key, flag, value) in new (string Key, Flag Flag, string Value)[]
        {
            ("cmd", healthStartupCommand, healthStartupCommand.Value), ("interval", healthStartupInterval, healthStartupInterval.Value), ("timeout", healthStartupTimeout, healthStartupTimeout.Value),
            ("retries", healthStartupRetries, Number(healthStartupRetries)), ("success", healthStartupSuccess, Number(healthStartupSuccess)),
        })
            if (flag.Changed) values[$"wharf.health-startup-{key}"] = value;
        for (int i = 0; i < secret.Values.Count; i++) values[string.Create(System.Globalization.CultureInfo.InvariantCulture, $"wharf.secret.{i:000}")] = secret.Values[i];
        if (timeNs.Value != "") values["wharf.timens"] = timeNs.Value;
        foreach (var text in cgroupConf.Values)
        {
            if (text.IndexOf('=') is var at && at < 1) throw new CliException($"--cgroup-conf: invalid value \"{text}\": must be FILE=VALUE", 125);
            values["wharf.cgroup." + text[..at]] = text[(at + 1)..];
        }
        return values.Count == 0 ? null : values;

        static string Number(IntFlag flag) => flag.Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private NetworkingConfig? BuildNetworks()
    {
        var specs = network.Values.Select(NetworkSpec.Parse).ToList();
        if (specs.Count == 0) specs.Add(new NetworkSpec("default"));
        ApplyFlags(specs[0]);
        var endpoints = new Dictionary<string, EndpointSettings>();
        foreach (var spec in specs)
        {
            if (spec.Aliases.Count > 0 && !spec.IsUserDefined) throw new CliException("network-scoped aliases are only supported for user-defined networks", 125);
            if (!endpoints.TryAdd(spec.Target, ToEndpoint(spec))) throw Conflict($"network {Output.Quoting.Quote(spec.Target)} is specified multiple times");
        }
        return new NetworkingConfig { EndpointsConfig = endpoints };
    }

    /// <summary>The flags outside --network speak of the first network.</summary>
    private void ApplyFlags(NetworkSpec first)
    {
        if (first.Aliases.Count > 0 && networkAlias.Values.Count > 0) throw Conflict("cannot specify both --network-alias and per-network alias");
        if (first.Ip != "" && ip.Value != "") throw Conflict("cannot specify both --ip and per-network IPv4 address");
        if (first.Ip6 != "" && ip6.Value != "") throw Conflict("cannot specify both --ip6 and per-network IPv6 address");
        if (first.MacAddress != "" && macAddress.Value != "") throw Conflict("cannot specify both --mac-address and per-network MAC address");
        first.Aliases.AddRange(networkAlias.Values);
        first.LinkLocalIps.AddRange(linkLocalIp.Values);
        if (ip.Value != "") first.Ip = ip.Value;
        if (ip6.Value != "") first.Ip6 = ip6.Value;
        if (macAddress.Value != "") first.MacAddress = CheckMac(macAddress.Value);
    }

    private EndpointSettings ToEndpoint(NetworkSpec spec) => new()
    {
        Aliases = spec.Aliases.Count == 0 ? null : spec.Aliases,
        Links = link.Values.Count == 0 || !spec.IsUserDefined ? null : link.Values,
        MacAddress = spec.MacAddress == "" ? null : spec.MacAddress,
        DriverOpts = spec.DriverOpts.Count == 0 ? null : spec.DriverOpts,
        GwPriority = spec.GwPriority == 0 ? null : spec.GwPriority,
        IPAMConfig = spec.Ip == "" && spec.Ip6 == "" && spec.LinkLocalIps.Count == 0 ? null : new EndpointIpamConfig
        {
            IPv4Address = spec.Ip == "" ? null : spec.Ip,
            IPv6Address = spec.Ip6 == "" ? null : spec.Ip6,
            LinkLocalIPs = spec.LinkLocalIps.Count == 0 ? null : spec.LinkLocalIps,
        },
    };
}
