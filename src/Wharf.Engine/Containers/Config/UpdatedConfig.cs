using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>What an update leaves of a container's configuration.</summary>
internal static class UpdatedConfig
{
    /// <summary>The configuration with the environment and the health check that are asked for.</summary>
    public static ContainerConfig Of(ContainerConfig now, ContainerUpdateRequest request)
    {
        var config = now with { };
        if (request.Env is { Count: > 0 } changes)
        {
            config.Env = [.. now.Env ?? []];
            foreach (var change in changes)
            {
                ConfigRules.CheckVariable(change);
                if (change.IndexOf('=') is > 0 and var at) ImageChange.SetVariable(config.Env, change[..at], change[(at + 1)..]);
                else config.Env.RemoveAll(variable => variable.StartsWith(change + "=", StringComparison.Ordinal) || variable == change);
            }
        }
        if (request.Healthcheck is { } health) config.Healthcheck = Merge(now.Healthcheck, health);
        ConfigRules.Check(config);
        return config;
    }

    private static HealthConfig Merge(HealthConfig? now, HealthConfig asked)
    {
        static long? Number(long? asked, long? now) => asked is null or 0 ? now : asked;
        if (asked.Test is ["NONE", ..]) return asked;
        if (asked.Test is not { Count: > 0 } && now?.Test is not { Count: > 0 }) throw WharfException.Invalid("Healthcheck: the container has no check, and Test gives none");
        return new HealthConfig
        {
            Test = asked.Test is { Count: > 0 } ? asked.Test : now!.Test,
            Interval = Number(asked.Interval, now?.Interval), Timeout = Number(asked.Timeout, now?.Timeout), StartPeriod = Number(asked.StartPeriod, now?.StartPeriod),
            StartInterval = Number(asked.StartInterval, now?.StartInterval), Retries = Number(asked.Retries, now?.Retries),
        };
    }

    /// <summary>A list with entries replaced by name; those that mean nothing any more go.</summary>
    public static List<T>? Merge<T>(List<T>? asked, List<T>? now, Func<T, string?> name, Func<T, bool> stays)
    {
        if (asked is not { Count: > 0 }) return now;
        return [.. (now ?? []).Where(entry => !asked.Exists(other => name(other) == name(entry))), .. asked.Where(stays)];
    }
}
