using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Engine;

namespace Wharf.Daemon.Telemetry;

/// <summary>Counts requests, and writes all figures for Prometheus. Names of what dockerd also has are dockerd's.</summary>
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
        var page = new MetricsPage();
        var counts = await engine.Containers.CountAsync(cancellation);
        page.Head("engine_daemon_container_states_containers", "gauge", "The count of containers in various states");
        foreach (var (state, count) in (ReadOnlySpan<(string, long)>)[("paused", counts.Paused), ("running", counts.Running), ("stopped", counts.Stopped)])
            page.Line("engine_daemon_container_states_containers", $"state=\"{state}\"", count);
        page.Head("engine_daemon_engine_info", "gauge", "The information related to the engine and the OS it is running on");
        var host = engine.Host;
        page.Line("engine_daemon_engine_info", $"architecture=\"{host.Machine}\",commit=\"{DaemonVersion.Commit}\",daemon_id=\"{engine.Identity}\",graphdriver=\"{engine.Snapshots.DriverName}\",kernel=\"{MetricsPage.Escape(host.KernelVersion)}\",os=\"{MetricsPage.Escape(host.OperatingSystem)}\",os_type=\"linux\",os_version=\"{MetricsPage.Escape(host.OsVersion)}\",version=\"{DaemonVersion.Product}\"", 1);
        page.Gauge("engine_daemon_engine_cpus_cpus", "The number of cpus that the host system of the engine has", host.Cpus);
        page.Gauge("engine_daemon_engine_memory_bytes", "The number of bytes of memory that the host system of the engine has", host.MemoryBytes);
        page.Gauge("engine_daemon_images_images", "The number of images", await engine.Images.CountAsync(cancellation));
        page.Gauge("engine_daemon_networks_networks", "The number of networks", engine.Networks.List().Count);
        page.Gauge("engine_daemon_volumes_volumes", "The number of volumes", engine.Volumes.List().Count);
        page.Gauge("engine_daemon_event_listeners", "The number of clients that listen to events", engine.Events.Listeners);
        ContainerMetrics.Write(page, engine.Containers.Uses());
        Requests(page);
        Process(page);
        return page.ToString();
    }

    private void Requests(MetricsPage page)
    {
        page.Head("engine_daemon_http_requests_total", "counter", "The number of API requests by method and status");
        foreach (var ((method, status), counter) in _requests.OrderBy(pair => pair.Key)) page.Line("engine_daemon_http_requests_total", $"method=\"{method}\",code=\"{status}\"", Interlocked.Read(ref counter.Count));
        page.Head("engine_daemon_http_request_seconds", "histogram", "The number of seconds it takes to answer an API request");
        for (int i = 0; i < Bounds.Length; i++)
            page.Line("engine_daemon_http_request_seconds_bucket", $"le=\"{Bounds[i].ToString(CultureInfo.InvariantCulture)}\"", Interlocked.Read(ref _all.Buckets[i]));
        long all = Interlocked.Read(ref _all.Count);
        page.Line("engine_daemon_http_request_seconds_bucket", "le=\"+Inf\"", all);
        page.Line("engine_daemon_http_request_seconds_sum", "", Interlocked.Read(ref _all.Microseconds) / 1e6);
        page.Line("engine_daemon_http_request_seconds_count", "", all);
    }

    private static void Process(MetricsPage page)
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        page.Gauge("process_resident_memory_bytes", "Resident memory size in bytes", self.WorkingSet64);
        page.Gauge("process_open_fds", "Number of open file descriptors", Directory.GetFileSystemEntries("/proc/self/fd").Length);
        page.Gauge("process_threads", "Number of threads", self.Threads.Count);
        page.Gauge("process_start_time_seconds", "Start time since the Unix epoch in seconds", new DateTimeOffset(self.StartTime).ToUnixTimeSeconds());
        page.Head("process_cpu_seconds_total", "counter", "User and system CPU time in seconds");
        page.Line("process_cpu_seconds_total", "", self.TotalProcessorTime.TotalSeconds);
        page.Gauge("dotnet_gc_heap_bytes", "Managed heap in bytes", GC.GetTotalMemory(false));
        page.Head("dotnet_info", "gauge", "The runtime");
        page.Line("dotnet_info", $"version=\"{MetricsPage.Escape(RuntimeInformation.FrameworkDescription)}\"", 1);
    }
}
