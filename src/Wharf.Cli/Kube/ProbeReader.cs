using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>A container's probes as its health check, what is done when that fails, and the check that comes before it.</summary>
internal static class ProbeReader
{
    private const long Second = 1_000_000_000;

    public static void Apply(KubeNode container, ContainerCreateRequest request, Dictionary<string, int> ports, bool isRestarted)
    {
        var annotations = request.HostConfig!.Annotations!;
        var live = container.Object("livenessProbe") is { } liveness ? Read(liveness, ports) : null;
        var ready = container.Object("readinessProbe") is { } readiness ? Read(readiness, ports) : null;
        var startup = container.Object("startupProbe") is { } first ? Read(first, ports) : null;
        // Nothing is balanced here: being ready is being healthy.
        request.Healthcheck = live ?? ready ?? startup;
        if (live is not null) annotations["wharf.on-unhealthy"] = isRestarted ? "restart" : "kill";
        if (startup is null) return;
        annotations["wharf.health-startup-cmd"] = Json.WriteList(startup.Test!);
        annotations["wharf.health-startup-interval"] = Seconds(startup.Interval);
        annotations["wharf.health-startup-timeout"] = Seconds(startup.Timeout);
        annotations["wharf.health-startup-success"] = "1";
        // The time before the first probe counts as failures that are forgiven.
        annotations["wharf.health-startup-retries"] = (startup.Retries!.Value + (startup.StartPeriod!.Value + startup.Interval!.Value - 1) / startup.Interval.Value).ToString(CultureInfo.InvariantCulture);

        static string Seconds(long? time) => string.Create(CultureInfo.InvariantCulture, $"{time / Second}s");
    }

    private static HealthConfig Read(KubeNode probe, Dictionary<string, int> ports)
    {
        probe.Ignore("successThreshold", "terminationGracePeriodSeconds");
        return new HealthConfig
        {
            Test = Test(probe, ports), Interval = Positive(probe, "periodSeconds", 10) * Second, Timeout = Positive(probe, "timeoutSeconds", 1) * Second,
            StartPeriod = (probe.Number("initialDelaySeconds") ?? 0) * Second, Retries = Positive(probe, "failureThreshold", 3),
        };
    }

    private static long Positive(KubeNode probe, string key, long initial) => probe.Number(key) switch { null => initial, > 0 and < 1_000_000 and var number => number, _ => throw probe.Wrong(key, "it must be 1 or more") };

    private static List<string> Test(KubeNode probe, Dictionary<string, int> ports)
    {
        if (probe.Object("exec") is { } exec) return ["CMD", .. exec.Texts("command") is { Count: > 0 } words ? words : throw exec.Wrong("command", "it is missing")];
        if (probe.Object("tcpSocket") is { } tcp) return ["TCP", $"{tcp.Text("host") ?? "127.0.0.1"}:{Port(tcp, ports)}"];
        if (probe.Object("httpGet") is not { } http) throw probe.Wrong("exec", "there is none, and neither tcpSocket nor httpGet, which are what is understood");
        http.Choice("scheme", "HTTP");
        var path = http.Text("path") ?? "/";
        return ["HTTP", $"http://{http.Text("host") ?? "127.0.0.1"}:{Port(http, ports)}{(path.StartsWith('/') ? "" : "/")}{path}"];
    }

    private static int Port(KubeNode of, Dictionary<string, int> ports)
    {
        var text = of.Required("port");
        return ports.TryGetValue(text, out var named) ? named : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= ushort.MaxValue ? port : throw of.Wrong("port", $"\"{text}\" is neither a port nor the name of one");
    }
}
