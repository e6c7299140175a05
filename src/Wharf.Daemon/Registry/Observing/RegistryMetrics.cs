using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>Counts, in the text form that Prometheus reads.</summary>
public sealed class RegistryMetrics
{
    /// <summary>A number that only grows.</summary>
    public sealed class Counter
    {
        private long _value;
        public long Value => Interlocked.Read(ref _value);
        public void Add(long amount) => Interlocked.Add(ref _value, amount);
    }

    private sealed class Timing
    {
        public readonly long[] Buckets = new long[Bounds.Length];
        public long Count;
        public long Microseconds;
    }

    private static readonly double[] Bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
    private readonly ConcurrentDictionary<(string Method, string Route, int Status), Counter> _requests = new();
    private readonly ConcurrentDictionary<string, Timing> _timings = new();
    private readonly ConcurrentDictionary<string, (string Help, Func<double> Value)> _gauges = new();

    public Counter BytesSent { get; } = new();
    public Counter BytesReceived { get; } = new();
    public Counter BlobsPulled { get; } = new();
    public Counter BlobsPushed { get; } = new();
    public Counter ManifestsPulled { get; } = new();
    public Counter ManifestsPushed { get; } = new();
    public Counter LoginsFailed { get; } = new();
    public Counter BlobsCollected { get; } = new();
    public Counter BytesCollected { get; } = new();
    public Counter BlobsDamaged { get; } = new();
    public Counter MirrorHits { get; } = new();
    public Counter MirrorFetches { get; } = new();
    public Counter MirrorErrors { get; } = new();
    public Counter WebhooksSent { get; } = new();
    public Counter WebhooksFailed { get; } = new();

    /// <summary>Notes one answered request.</summary>
    public void Request(string method, string route, int status, TimeSpan took)
    {
        _requests.GetOrAdd((method, route, status), _ => new Counter()).Add(1);
        var timing = _timings.GetOrAdd(route, _ => new Timing());
        double seconds = took.TotalSeconds;
        for (int i = 0; i < Bounds.Length; i++) if (seconds <= Bounds[i]) { Interlocked.Increment(ref timing.Buckets[i]); break; }
        Interlocked.Increment(ref timing.Count);
        Interlocked.Add(ref timing.Microseconds, (long)took.TotalMicroseconds);
    }

    public void Gauge(string name, string help, Func<double> value) => _gauges[name] = (help, value);

    public string Text()
    {
        var text = new StringBuilder();
        Head(text, "wharf_registry_requests_total", "counter", "Requests answered.");
        foreach (var ((method, route, status), counter) in _requests.OrderBy(entry => entry.Key)) text.Append(CultureInfo.InvariantCulture, $"wharf_registry_requests_total{{method=\"{method}\",route=\"{route}\",code=\"{status}\"}} {counter.Value}\n");
        Head(text, "wharf_registry_request_seconds", "histogram", "Time to answer.");
        foreach (var (route, timing) in _timings.OrderBy(entry => entry.Key, StringComparer.Ordinal)) Write(text, route, timing);
        foreach (var (name, help, counter) in Counters())
        {
            Head(text, name, "counter", help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {counter.Value}\n");
        }
        foreach (var (name, (help, value)) in _gauges.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Head(text, name, "gauge", help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {value()}\n");
        }
        return text.ToString();
    }

    private (string, string, Counter)[] Counters() =>
    [
        ("wharf_registry_sent_bytes_total", "Bytes of blobs sent.", BytesSent), ("wharf_registry_received_bytes_total", "Bytes of blobs received.", BytesReceived),
        ("wharf_registry_blobs_pulled_total", "Blobs sent.", BlobsPulled), ("wharf_registry_blobs_pushed_total", "Blobs received.", BlobsPushed),
        ("wharf_registry_manifests_pulled_total", "Manifests sent.", ManifestsPulled), ("wharf_registry_manifests_pushed_total", "Manifests received.", ManifestsPushed),
        ("wharf_registry_logins_failed_total", "Logins refused.", LoginsFailed), ("wharf_registry_collected_blobs_total", "Blobs removed as unused.", BlobsCollected),
        ("wharf_registry_collected_bytes_total", "Bytes freed as unused.", BytesCollected), ("wharf_registry_damaged_blobs_total", "Blobs found damaged.", BlobsDamaged),
        ("wharf_registry_mirror_hits_total", "Pulls through served from here.", MirrorHits), ("wharf_registry_mirror_fetches_total", "Fetches from upstreams.", MirrorFetches),
        ("wharf_registry_mirror_errors_total", "Upstreams that failed to answer.", MirrorErrors), ("wharf_registry_webhooks_sent_total", "Webhooks delivered.", WebhooksSent),
        ("wharf_registry_webhooks_failed_total", "Webhooks given up.", WebhooksFailed),
    ];

    private static void Head(StringBuilder text, string name, string type, string help) => text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static void Write(StringBuilder text, string route, Timing timing)
    {
        long sum = 0;
        for (int i = 0; i < Bounds.Length; i++)
        {
            sum += Interlocked.Read(ref timing.Buckets[i]);
            text.Append(CultureInfo.InvariantCulture, $"wharf_registry_request_seconds_bucket{{route=\"{route}\",le=\"{Bounds[i]}\"}} {sum}\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"wharf_registry_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {timing.Count}\n");
        text.Append(CultureInfo.InvariantCulture, $"wharf_registry_request_seconds_sum{{route=\"{route}\"}} {timing.Microseconds / 1e6}\nwharf_registry_request_seconds_count{{route=\"{route}\"}} {timing.Count}\n");
    }
}
