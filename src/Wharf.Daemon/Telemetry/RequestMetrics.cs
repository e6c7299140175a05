using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Engine;

namespace Wharf.Daemon.Telemetry;

/// <summary>Counts requests, and writes all figures in Prometheus' text format. Names of what dockerd also has are dockerd's.</summary>
public sealed class RequestMetrics
{
    private static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private readonly ConcurrentDictionary<(string Method, int Status), Counter> _requests = new();
    private readonly Counter _all = new();

    private sealed class Counter
    {
        public long Count, Microseconds;
        public readonly long[] Buckets = new long[Bounds.Length];
    }

    public void Count(string method, int status, TimeSpan duration)
    {
        var known = method is "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "OPTIONS" ? method : "other";
        Interlocked.Increment(ref _requests.GetOrAdd((known, status), _ => new Counter()).Count);
        Interlocked.Increment(ref _all.Count);
        Interlocked.Add(ref _all.Microseconds, (long)duration.TotalMicroseconds);
        for (int i = 0; i < Bounds.Length; i++)
            if (duration.TotalSeconds <= Bounds[i]) Interlocked.Increment(ref _all.Buckets[i]);
    }

    /// <summary>The whole page.</summary>
    public async Task<string> WriteAsync(EngineHost engine, CancellationToken cancellation)
    {
        var page = new StringBuilder();
        var counts = await engine.Containers.CountAsync(cancellation);
        Head(page, "engine_daemon_container_states_containers", "gauge", "The count of containers in various states");
        foreach (var (state, count) in (ReadOnlySpan<(string, long)>)[("paused", counts.Paused), ("running", counts.Running), ("stopped", counts.Stopped)])
            Line(page, "engine_daemon_container_states_containers", $"state=\"{state}\"", count);
        Head(page, "engine_daemon_engine_info", "gauge", "The information related to the engine and the OS it is running on");
        var host = engine.Host;
        Line(page, "engine_daemon_engine_info", $"architecture=\"{host.Machine}\",commit=\"{DaemonVersion.Commit}\",daemon_id=\"{engine.Identity}\",graphdriver=\"{engine.Options.StorageDriver}\",kernel=\"{Escape(host.KernelVersion)}\",os=\"{Escape(host.OperatingSystem)}\",os_type=\"linux\",os_version=\"{Escape(host.OsVersion)}\",version=\"{DaemonVersion.Product}\"", 1);
        Gauge(page, "engine_daemon_engine_cpus_cpus", "The number of cpus that the host system of the engine has", host.Cpus);
        Gauge(page, "engine_daemon_engine_memory_bytes", "The number of bytes of memory that the host system of the engine has", host.MemoryBytes);
        Gauge(page, "engine_daemon_images_images", "The number of images", await engine.Images.CountAsync(cancellation));
        Gauge(page, "engine_daemon_networks_networks", "The number of networks", engine.Networks.List().Count);
        Gauge(page, "engine_daemon_volumes_volumes", "The number of volumes", engine.Volumes.List().Count);
        Gauge(page, "engine_daemon_event_listeners", "The number of clients that listen to events", engine.Events.Listeners);
        Requests(page);
        Process(page);
        return page.ToString();
    }

    private void Requests(StringBuilder page)
    {
        Head(page, "engine_daemon_http_requests_total", "counter", "The number of API requests by method and status");
        foreach (var ((method, status), counter) in _requests.OrderBy(pair => pair.Key)) Line(page, "engine_daemon_http_requests_total", $"method=\"{method}\",code=\"{status}\"", Interlocked.Read(ref counter.Count));
        Head(page, "engine_daemon_http_request_seconds", "histogram", "The number of seconds it takes to answer an API request");
        for (int i = 0; i < Bounds.Length; i++)
            Line(page, "engine_daemon_http_request_seconds_bucket", $"le=\"{Bounds[i].ToString(CultureInfo.InvariantCulture)}\"", Interlocked.Read(ref _all.Buckets[i]));
        long all = Interlocked.Read(ref _all.Count);
        Line(page, "engine_daemon_http_request_seconds_bucket", "le=\"+Inf\"", all);
        Line(page, "engine_daemon_http_request_seconds_sum", "", Interlocked.Read(ref _all.Microseconds) / 1e6);
        Line(page, "engine_daemon_http_request_seconds_count", "", all);
    }

    private static void Process(StringBuilder page)
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        Gauge(page, "process_resident_memory_bytes", "Resident memory size in bytes", self.WorkingSet64);
        Gauge(page, "process_open_fds", "Number of open file descriptors", Directory.GetFileSystemEntries("/proc/self/fd").Length);
        Gauge(page, "process_threads", "Number of threads", self.Threads.Count);
        Gauge(page, "process_start_time_seconds", "Start time since the Unix epoch in seconds", new DateTimeOffset(self.StartTime).ToUnixTimeSeconds());
        Head(page, "process_cpu_seconds_total", "counter", "User and system CPU time in seconds");
        Line(page, "process_cpu_seconds_total", "", self.TotalProcessorTime.TotalSeconds);
        Gauge(page, "dotnet_gc_heap_bytes", "Managed heap in bytes", GC.GetTotalMemory(false));
        Head(page, "dotnet_info", "gauge", "The runtime");
        Line(page, "dotnet_info", $"version=\"{Escape(RuntimeInformation.FrameworkDescription)}\"", 1);
    }

    private static void Gauge(StringBuilder page, string name, string help, double value)
    {
        Head(page, name, "gauge", help);
        Line(page, name, "", value);
    }

    private static void Head(StringBuilder page, string name, string type, string help) => page.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static void Line(StringBuilder page, string name, string labels, double value)
    {
        page.Append(name);
        if (labels.Length > 0) page.Append('{').Append(labels).Append('}');
        page.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
