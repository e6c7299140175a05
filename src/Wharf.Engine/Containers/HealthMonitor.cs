using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>How a probe went. <see cref="ExitCode"/> 0 is healthy; -1 that it ran out of time.</summary>
internal sealed record ProbeResult(DateTimeOffset Start, DateTimeOffset End, int ExitCode, string Output);

/// <summary>
/// A container's health as its probes tell it: starting until one succeeds or enough have failed. With a startup check that one is
/// run instead until it has succeeded; nothing it tells makes a container healthy or unhealthy.
/// </summary>
internal sealed class HealthMonitor(HealthConfig config, DateTimeOffset startedAt, StartupCheck? startup = null, HealthRecord? known = null)
{
    private const int KeptResults = 5;
    private const long DefaultInterval = 30_000_000_000, DefaultTimeout = 30_000_000_000, DefaultStartInterval = 5_000_000_000, DefaultRetries = 3;

    private readonly Lock _lock = new();
    private readonly List<HealthcheckResult> _log = known?.Log ?? [];
    private string _status = known?.Status is { Length: > 0 } status ? status : "starting";
    private long _failingStreak = known?.FailingStreak ?? 0;
    private bool _isStarted = startup is null || known?.StartupPassed == true;
    private long _startupSuccesses = known?.StartupSuccesses ?? 0, _startupFailures = known?.StartupFailures ?? 0;

    public CancellationTokenSource Stopped { get; } = new();
    public string Status { get { lock (_lock) return _status; } }
    /// <summary>The check to run in place of the regular one; null once it has succeeded.</summary>
    public StartupCheck? Startup { get { lock (_lock) return _isStarted ? null : startup; } }
    public TimeSpan Timeout => Span((Startup?.Config ?? config).Timeout, DefaultTimeout);

    /// <summary>Until the next probe: shorter while a container is starting up.</summary>
    public TimeSpan Pause(DateTimeOffset now) => Startup is { } first ? Span(first.Config.Interval, DefaultInterval) : Status == "starting" && InStartPeriod(now) ? Span(config.StartInterval, DefaultStartInterval) : Span(config.Interval, DefaultInterval);

    private bool InStartPeriod(DateTimeOffset now) => config.StartPeriod is > 0 && now - startedAt < Span(config.StartPeriod, 0);

    /// <summary>Takes a result of the startup check in; true when it has failed so often that the container is to be begun anew.</summary>
    public bool AddStartup(ProbeResult result)
    {
        lock (_lock)
        {
            Keep(result);
            if (result.ExitCode == 0)
            {
                _startupFailures = 0;
                _isStarted = ++_startupSuccesses >= Math.Max(startup!.Successes, 1);
                return false;
            }
            _startupSuccesses = 0;
            _startupFailures++;
            return startup!.Config.Retries is > 0 and var most && _startupFailures >= most;
        }
    }

    private void Keep(ProbeResult result)
    {
        _log.Add(ToApi(result));
        if (_log.Count > KeptResults) _log.RemoveAt(0);
    }

    public static HealthcheckResult ToApi(ProbeResult result) => new() { Start = Time(result.Start), End = Time(result.End), ExitCode = result.ExitCode, Output = result.Output };

    /// <summary>Takes a result in; gives the new status when it changed.</summary>
    public string? Add(ProbeResult result)
    {
        lock (_lock)
        {
            Keep(result);
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

    /// <summary>What a later daemon has to know to go on.</summary>
    public HealthRecord Record()
    {
        lock (_lock)
        {
            return new HealthRecord
            {
                Status = _status, FailingStreak = _failingStreak, Log = [.. _log],
                StartupPassed = startup is null ? null : _isStarted, StartupSuccesses = startup is null ? null : _startupSuccesses, StartupFailures = startup is null ? null : _startupFailures,
            };
        }
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
