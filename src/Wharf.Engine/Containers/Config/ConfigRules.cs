using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>What a container configuration must fulfil, with docker's messages.</summary>
internal static class ConfigRules
{
    private const long Millisecond = 1_000_000;

    public static void Check(ContainerConfig config)
    {
        if (config.WorkingDir is { Length: > 0 } directory && !directory.StartsWith('/'))
            throw WharfException.Invalid($"the working directory '{directory}' is invalid, it needs to be an absolute path");
        if (config.StopSignal is { Length: > 0 } signal) Signals.Parse(signal);
        foreach (var variable in config.Env ?? []) CheckVariable(variable);
        CheckHealth(config.Healthcheck);
        // These end up as lines or fields of files that others parse (SECURITY invariant 6).
        RejectControl("hostname", config.Hostname);
        RejectControl("domainname", config.Domainname);
        RejectControl("user", config.User);
    }

    public static void CheckVariable(string variable)
    {
        if (variable.Length == 0 || variable[0] == '=') throw WharfException.Invalid($"invalid environment variable: {variable}");
        if (variable.Contains('\0')) throw WharfException.Invalid("invalid environment variable: contains a NUL byte");
    }

    private static void RejectControl(string field, string? value)
    {
        foreach (char character in value ?? "")
            if (char.IsControl(character)) throw WharfException.Invalid($"invalid {field}: control characters are not allowed");
    }

    private static void CheckHealth(HealthConfig? health)
    {
        if (health is null) return;
        CheckDuration("Interval", health.Interval);
        CheckDuration("Timeout", health.Timeout);
        CheckDuration("StartPeriod", health.StartPeriod);
        CheckDuration("StartInterval", health.StartInterval);
        NativeProbe.Parse(health.Test);
        if (health.Retries < 0) throw WharfException.Invalid("Retries in Healthcheck cannot be negative");
    }

    private static void CheckDuration(string name, long? value)
    {
        if (value is not (null or 0) && value < Millisecond) throw WharfException.Invalid($"{name} in Healthcheck cannot be less than 1ms");
    }
}
