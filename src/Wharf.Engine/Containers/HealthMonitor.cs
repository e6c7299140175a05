using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>How a probe went. <see cref="ExitCode"/> 0 is healthy; -1 that it ran out of time.</summary>
internal sealed record ProbeResult(DateTimeOffset Start, DateTimeOffset End, int ExitCode, string Output);

/// <summary>A container's health as its probes tell it: starting until one succeeds or enough have failed.</summary>
internal sealed class HealthMonitor(HealthConfig config, DateTimeOffset startedAt, Health? known = null)
{
    private const int KeptResults = 5;
    private const long DefaultInterval = 30_000_000_000, DefaultTimeout = 30_000_000_000, DefaultStartInterval = 5_000_000_000, DefaultRetries = 3;

    private readonly Lock _lock = new();
    private readonly List<HealthcheckResult> _log = known?.Log ?? [];
    private string _status = known?.Status is { Length: > 0 } status ? status : "starting";
    private long _failingStreak = known?.FailingStreak ?? 0;

    public CancellationTokenSource Stopped { get; } = new();
    public string Status { get { lock (_lock) return _status; } }
    public TimeSpan Timeout { get; } = Span(config.Timeout, DefaultTimeout);

    /// <summary>Until the next probe: shorter while a container is starting up.</summary>
    public TimeSpan Pause(DateTimeOffset now) => Status == "starting" && InStartPeriod(now) ? Span(config.StartInterval, DefaultStartInterval) : Span(config.Interval, DefaultInterval);

    private bool InStartPeriod(DateTimeOffset now) => config.StartPeriod is > 0 && now - startedAt < Span(config.StartPeriod, 0);

    /// <summary>Takes a result in; gives the new status when it changed.</summary>
    public string? Add(ProbeResult result)
    {
        lock (_lock)
        {
            _log.Add(new HealthcheckResult { Start = Time(result.Start), End = Time(result.End), ExitCode = result.ExitCode, Output = result.Output });
            if (_log.Count > KeptResults) _log.RemoveAt(0);
            var before = _status;
            if (result.ExitCode == 0)
            {
                _failingStreak = 0;
                _status = "healthy";
            }
            // While it starts up, a failure says nothing yet.
            else if (_status != "starting" || !InStartPeriod(result.Start))
            {
                _failingStreak++;
                if (_failingStreak >= (config.Retries is > 0 ? config.Retries : DefaultRetries)) _status = "unhealthy";
            }
            return _status == before ? null : _status;
        }
    }

    public Health Report()
    {
        lock (_lock) return new Health { Status = _status, FailingStreak = _failingStreak, Log = [.. _log] };
    }

    /// <summary>The probe's command line; null when there is none to run.</summary>
    public static List<string>? Command(HealthConfig? config, IReadOnlyList<string>? shell) => config?.Test switch
    {
        ["CMD", _, ..] => config.Test[1..],
        ["CMD-SHELL", var script, ..] => [.. shell is { Count: > 0 } ? shell : ["/bin/sh", "-c"], script],
        _ => null,
    };

    private static TimeSpan Span(long? nanoseconds, long otherwise) => TimeSpan.FromTicks((nanoseconds is > 0 ? nanoseconds.Value : otherwise) / 100);

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z";
}
