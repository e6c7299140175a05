using System.Globalization;

namespace Wharf.Engine.Containers;

/// <summary>The words of <c>docker ps</c>: <c>Up 3 seconds</c>, <c>Exited (0) 2 minutes ago</c>.</summary>
public static class StatusText
{
    public static string Of(RunState state, string? health, DateTimeOffset now)
    {
        switch (state.Status)
        {
            case ContainerStatus.Running or ContainerStatus.Paused:
                var up = "Up " + Duration(now - (state.StartedAt ?? now));
                if (state.Status == ContainerStatus.Paused) return up + " (Paused)";
                return health switch { null or "none" => up, "starting" => up + " (health: starting)", _ => $"{up} ({health})" };
            case ContainerStatus.Restarting:
                return $"Restarting ({Number(state.ExitCode)}) {Duration(now - (state.FinishedAt ?? now))} ago";
            case ContainerStatus.Removing: return "Removal In Progress";
            case ContainerStatus.Dead: return "Dead";
            case ContainerStatus.Created: return "Created";
            default:
                return state.FinishedAt is { } finished ? $"Exited ({Number(state.ExitCode)}) {Duration(now - finished)} ago" : "";
        }
    }

    /// <summary>A length of time as people say it; the larger, the rougher.</summary>
    internal static string Duration(TimeSpan span)
    {
        long seconds = (long)span.TotalSeconds, minutes = (long)span.TotalMinutes, hours = (long)(span.TotalHours + 0.5);
        if (seconds < 1) return "Less than a second";
        if (seconds == 1) return "1 second";
        if (seconds < 60) return $"{Number(seconds)} seconds";
        if (minutes == 1) return "About a minute";
        if (minutes < 60) return $"{Number(minutes)} minutes";
        if (hours == 1) return "About an hour";
        if (hours < 48) return $"{Number(hours)} hours";
        if (hours < 24 * 7 * 2) return $"{Number(hours / 24)} days";
        if (hours < 24 * 30 * 2) return $"{Number(hours / 24 / 7)} weeks";
        if (hours < 24 * 365 * 2) return $"{Number(hours / 24 / 30)} months";
        return $"{Number((long)(span.TotalHours / 24 / 365))} years";
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
