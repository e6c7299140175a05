using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>The flags of a container's health check: shared by run, create and update.</summary>
internal sealed class HealthFlags(FlagSet flags)
{
    private readonly StringFlag command = flags.String("health-cmd", "Command that checks health; a JSON array for one without a shell");
    private readonly StringFlag http = flags.String("health-http", "URL in the container that checks health (http://127.0.0.1:PORT/PATH)");
    private readonly DurationFlag interval = flags.Duration("health-interval", "Time between checks (ms|s|m|h)");
    private readonly IntFlag retries = flags.Int("health-retries", "Failures in a row before it counts as unhealthy");
    private readonly DurationFlag startInterval = flags.Duration("health-start-interval", "Time between checks while starting (ms|s|m|h)");
    private readonly DurationFlag startPeriod = flags.Duration("health-start-period", "Time to start before failures count (ms|s|m|h)");
    private readonly StringFlag tcp = flags.String("health-tcp", "Port in the container that checks health (127.0.0.1:PORT)");
    private readonly DurationFlag timeout = flags.Duration("health-timeout", "Longest time one check may take (ms|s|m|h)");
    private readonly BoolFlag off = flags.Bool("no-healthcheck", "Turn any HEALTHCHECK off");

    /// <summary>What was given; null when nothing was.</summary>
    public HealthConfig? Build()
    {
        var tests = new[] { command.Value, http.Value, tcp.Value }.Count(value => value != "");
        if (tests > 1) throw new CliException("--health-cmd, --health-http and --health-tcp exclude each other", 125);
        var isSet = tests > 0 || interval.Nanoseconds != 0 || timeout.Nanoseconds != 0 || startPeriod.Nanoseconds != 0 || retries.Value != 0 || startInterval.Nanoseconds != 0;
        if (off)
        {
            if (isSet) throw new CliException("--no-healthcheck conflicts with --health-* options", 125);
            return new HealthConfig { Test = ["NONE"] };
        }
        if (!isSet) return null;
        if (interval.Nanoseconds < 0) throw new CliException("--health-interval cannot be negative", 125);
        if (timeout.Nanoseconds < 0) throw new CliException("--health-timeout cannot be negative", 125);
        if (retries.Value < 0) throw new CliException("--health-retries cannot be negative", 125);
        if (startPeriod.Nanoseconds < 0) throw new CliException("--health-start-period cannot be negative", 125);
        return new HealthConfig
        {
            Test = command.Value != "" ? WordList.Parse(command.Value) is { } words ? ["CMD", .. words] : ["CMD-SHELL", command.Value] : http.Value != "" ? ["HTTP", http.Value] : tcp.Value != "" ? ["TCP", tcp.Value] : null,
            Interval = interval.Nanoseconds,
            Timeout = timeout.Nanoseconds,
            StartPeriod = startPeriod.Nanoseconds,
            StartInterval = startInterval.Nanoseconds,
            Retries = retries.Value,
        };
    }
}
