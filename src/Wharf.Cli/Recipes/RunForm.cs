using System.Globalization;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>A recipe as the flags and arguments of <c>run</c>. One entry a flag: its name, and its value if it takes one.</summary>
internal sealed partial class RunForm
{
    private readonly List<string[]> flags = [];
    private readonly List<string> notes = [];

    private RunForm(ContainerRecipe recipe)
    {
        var request = recipe.Request;
        AddProcess(request);
        AddHealth(request.Healthcheck, recipe.Host.Annotations);
        AddNetworks(recipe);
        AddHost(recipe.Host);
        AddResources(recipe.Host);
        Arguments = [request.Image ?? "", .. request.Cmd ?? []];
    }

    public IReadOnlyList<string[]> Flags => flags;
    /// <summary>The image and its command.</summary>
    public IReadOnlyList<string> Arguments { get; }
    /// <summary>What no flag can say.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Without the name and without whether it is detached: who runs it decides that.</summary>
    public static RunForm Of(ContainerRecipe recipe) => new(recipe);

    /// <summary>How the streams were attached when it was made.</summary>
    public static IEnumerable<string[]> StreamFlags(ContainerCreateRequest request)
    {
        bool input = request.AttachStdin == true, output = request.AttachStdout == true, error = request.AttachStderr == true;
        if (!input && !output && !error) return [["--detach"]];
        // All that a foreground run attaches by itself needs no word.
        if (output && error && input == (request.OpenStdin == true)) return [];
        return new[] { (input, "stdin"), (output, "stdout"), (error, "stderr") }.Where(stream => stream.Item1).Select(stream => new[] { "--attach", stream.Item2 });
    }

    private void AddProcess(ContainerCreateRequest request)
    {
        if (request.OpenStdin == true) Add("--interactive");
        if (request.Tty == true) Add("--tty");
        Add("--hostname", request.Hostname);
        Add("--domainname", request.Domainname);
        Add("--user", request.User);
        Add("--workdir", request.WorkingDir);
        if (request.Entrypoint is { } entrypoint) flags.Add(["--entrypoint", entrypoint.Count == 1 && !entrypoint[0].StartsWith('[') ? entrypoint[0] : Json.WriteList(entrypoint)]);
        AddEach("--env", request.Env);
        AddEach("--label", request.Labels?.Select(Pair));
        Add("--stop-signal", request.StopSignal);
        Add("--stop-timeout", request.StopTimeout);
        AddEach("--expose", request.ExposedPorts?.Keys);
        AddEach("--volume", request.Volumes?.Keys);
        if (request.NetworkDisabled == true) notes.Add("NetworkDisabled is no flag of run");
    }

    private void AddHealth(HealthConfig? health, Dictionary<string, string>? annotations)
    {
        if (health is not null)
        {
            switch (health.Test)
            {
                case ["NONE", ..]: Add("--no-healthcheck"); break;
                case ["CMD-SHELL", var script]: Add("--health-cmd", script); break;
                case ["HTTP", var url]: Add("--health-http", url); break;
                case ["TCP", var address]: Add("--health-tcp", address); break;
                case ["CMD", .. var words]: Add("--health-cmd", Json.WriteList(words)); break;
            }
            AddTime("--health-interval", health.Interval);
            AddTime("--health-timeout", health.Timeout);
            AddTime("--health-start-period", health.StartPeriod);
            AddTime("--health-start-interval", health.StartInterval);
            Add("--health-retries", health.Retries);
        }
        foreach (var (key, value) in annotations ?? [])
        {
            const string startup = "wharf.health-startup-";
            if (key == "wharf.on-unhealthy") Add("--on-unhealthy", value);
            else if (key.StartsWith(startup, StringComparison.Ordinal)) Add("--health-startup-" + key[startup.Length..], value);
            else flags.Add(["--annotation", $"{key}={value}"]);
        }
    }

    private void AddNetworks(ContainerRecipe recipe)
    {
        var mode = recipe.Host.NetworkMode;
        if (recipe.Networks.Count == 0) Add("--network", mode);
        // The default network alone, of which nothing was asked, is what one gets.
        var isPlain = mode is null && recipe.Networks.Count == 1 && Details(recipe.Networks.First().Value).Count == 0;
        if (!isPlain)
        {
            foreach (var (name, endpoint) in recipe.Networks)
            {
                var details = Details(endpoint);
                Add("--network", details.Count == 0 ? name : Csv([$"name={name}", .. details]));
            }
        }
        AddEach("--link", recipe.Host.Links ?? recipe.Networks.Values.SelectMany(endpoint => endpoint.Links ?? []).Distinct());
        foreach (var (port, bindings) in recipe.Host.PortBindings ?? [])
            foreach (var binding in bindings ?? [new PortBinding()]) Add("--publish", Published(port, binding));
        if (recipe.Host.PublishAllPorts == true) Add("--publish-all");
    }

    private static List<string> Details(EndpointSettings endpoint)
    {
        var details = new List<string>();
        foreach (var alias in endpoint.Aliases ?? []) details.Add($"alias={alias}");
        if (endpoint.IPAMConfig?.IPv4Address is { Length: > 0 } ip) details.Add($"ip={ip}");
        if (endpoint.IPAMConfig?.IPv6Address is { Length: > 0 } ip6) details.Add($"ip6={ip6}");
        foreach (var address in endpoint.IPAMConfig?.LinkLocalIPs ?? []) details.Add($"link-local-ip={address}");
        if (endpoint.MacAddress is { Length: > 0 } mac) details.Add($"mac-address={mac}");
        foreach (var (key, value) in endpoint.DriverOpts ?? []) details.Add($"driver-opt={key}={value}");
        if (endpoint.GwPriority is { } priority) details.Add(string.Create(CultureInfo.InvariantCulture, $"gw-priority={priority}"));
        return details;
    }

    internal static string Published(string port, PortBinding binding)
    {
        var inside = port.EndsWith("/tcp", StringComparison.Ordinal) ? port[..^4] : port;
        var address = binding.HostIp is { Length: > 0 } ip ? (ip.Contains(':') ? $"[{ip}]" : ip) + ":" : "";
        return address == "" && binding.HostPort is null or "" ? inside : $"{address}{binding.HostPort}:{inside}";
    }

    private void Add(string flag) => flags.Add([flag]);

    private void Add(string flag, string? value)
    {
        if (value is { Length: > 0 }) flags.Add([flag, value]);
    }

    private void Add(string flag, long? value)
    {
        if (value is { } number) flags.Add([flag, number.ToString(CultureInfo.InvariantCulture)]);
    }

    private void AddTime(string flag, long? nanoseconds)
    {
        if (nanoseconds is { } time and not 0) flags.Add([flag, GoTime.Of(time)]);
    }

    private void AddEach(string flag, IEnumerable<string>? values)
    {
        foreach (var value in values ?? []) flags.Add([flag, value]);
    }

    private static string Pair(KeyValuePair<string, string> pair) => $"{pair.Key}={pair.Value}";

    private static string Csv(IEnumerable<string> fields) => string.Join(',', fields.Select(field => field.AsSpan().IndexOfAny(",\"\n") >= 0 ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field));
}
