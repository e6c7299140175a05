using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>Whether and when a restart policy starts a container again.</summary>
internal static class RestartDecision
{
    public static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    public static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);
    /// <summary>One that ran this long is taken for healthy: the delay begins anew.</summary>
    public static readonly TimeSpan Settled = TimeSpan.FromSeconds(10);

    public static bool Applies(RestartPolicy? policy, int exitCode, int restartCount, bool manuallyStopped) => !manuallyStopped && policy?.Name switch
    {
        "always" or "unless-stopped" => true,
        "on-failure" => exitCode != 0 && (policy.MaximumRetryCount is null or 0 || restartCount < policy.MaximumRetryCount),
        _ => false,
    };

    /// <summary>The delay after <paramref name="previous"/> (zero for the first) when it has run for <paramref name="ran"/>.</summary>
    public static TimeSpan Next(TimeSpan previous, TimeSpan ran)
    {
        if (previous == TimeSpan.Zero || ran >= Settled) return FirstDelay;
        var doubled = previous * 2;
        return doubled > LongestDelay ? LongestDelay : doubled;
    }

    /// <summary>Whether a daemon that starts also starts a container it finds not running.</summary>
    public static bool AppliesAtDaemonStart(RestartPolicy? policy, RunState state) => policy?.Name switch
    {
        "always" => state.Status != ContainerStatus.Created,
        "unless-stopped" => state.Status != ContainerStatus.Created && !state.ManuallyStopped,
        "on-failure" => state.Status != ContainerStatus.Created && Applies(policy, state.ExitCode, state.RestartCount, state.ManuallyStopped),
        _ => false,
    };
}
