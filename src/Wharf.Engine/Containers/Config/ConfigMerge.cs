using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers.Config;

/// <summary>What the user asks for laid over what the image says: the user's word wins, lists of things are joined.</summary>
internal static class ConfigMerge
{
    public static ContainerConfig Merge(ContainerConfig user, OciImageConfig? image)
    {
        var merged = user with
        {
            User = NotEmpty(user.User, image?.User),
            StopSignal = NotEmpty(user.StopSignal, image?.StopSignal) is { Length: > 0 } signal ? signal : null,
            StopTimeout = user.StopTimeout ?? image?.StopTimeout,
            ExposedPorts = Join(user.ExposedPorts, image?.ExposedPorts?.Keys),
            Volumes = Join(user.Volumes, image?.Volumes?.Keys),
            Env = MergeEnvironment(user.Env, image?.Env),
            Labels = MergeLabels(user.Labels, image?.Labels),
            Healthcheck = MergeHealth(user.Healthcheck, image?.Healthcheck),
            WorkingDir = CleanPath(NotEmpty(user.WorkingDir, image?.WorkingDir)),
        };
        MergeCommand(merged, user, image);
        if (merged.ExposedPorts is not null)
            foreach (var port in merged.ExposedPorts.Keys.ToList()) merged.ExposedPorts[port] ??= new EmptyObject();
        if (merged.Shell is []) merged.Shell = null;
        if (image is null && user.Env is null) merged.Env = null;
        if (image is null && user.Labels is null) merged.Labels = null;
        return merged;
    }

    private static void MergeCommand(ContainerConfig merged, ContainerConfig user, OciImageConfig? image)
    {
        var entrypoint = user.Entrypoint;
        if (entrypoint is not { Count: > 0 })
        {
            // A new entrypoint makes the image's command meaningless; without one, the image's command stands in for none given.
            if (user.Cmd is not { Count: > 0 }) merged.Cmd = image?.Cmd;
            entrypoint ??= image?.Entrypoint;
        }
        // [""] is how a client says: no entrypoint, not even the image's.
        if (entrypoint is [""]) entrypoint = null;
        merged.Entrypoint = entrypoint;
    }

    /// <summary>Program and arguments of a merged configuration; empty where nothing says what to run.</summary>
    public static (string Path, List<string> Args) Command(ContainerConfig config)
    {
        List<string> all = [.. config.Entrypoint ?? [], .. config.Cmd ?? []];
        return all.Count == 0 ? ("", []) : (all[0], all[1..]);
    }

    /// <summary>Without <c>.</c>, <c>..</c> and doubled slashes.</summary>
    private static string CleanPath(string path) => path.StartsWith('/') ? System.IO.Path.GetFullPath(path) is { Length: > 1 } full ? full.TrimEnd('/') : "/" : path;

    private static string NotEmpty(string? first, string? second) => string.IsNullOrEmpty(first) ? second ?? "" : first;

    private static Dictionary<string, EmptyObject>? Join(Dictionary<string, EmptyObject>? user, IEnumerable<string>? image)
    {
        if (user is not { Count: > 0 } && image is null) return user is { Count: 0 } ? null : user;
        var joined = new Dictionary<string, EmptyObject>(user ?? [], StringComparer.Ordinal);
        foreach (var key in image ?? []) joined.TryAdd(key, new EmptyObject());
        return joined.Count == 0 ? null : joined;
    }

    /// <summary>The user's variables first, then those of the image that the user did not set.</summary>
    internal static List<string> MergeEnvironment(List<string>? user, List<string>? image)
    {
        var merged = new List<string>(user ?? []);
        var names = new HashSet<string>(merged.Select(Name), StringComparer.Ordinal);
        foreach (var variable in image ?? [])
            if (!names.Contains(Name(variable))) merged.Add(variable);
        return merged;
    }

    internal static string Name(string variable) => variable.IndexOf('=') is >= 0 and var at ? variable[..at] : variable;

    private static Dictionary<string, string> MergeLabels(Dictionary<string, string>? user, Dictionary<string, string>? image)
    {
        var merged = new Dictionary<string, string>(user ?? [], StringComparer.Ordinal);
        foreach (var (key, value) in image ?? []) merged.TryAdd(key, value);
        return merged;
    }

    private static HealthConfig? MergeHealth(HealthConfig? user, Healthcheck? image)
    {
        if (image is null) return user is { Test.Count: 0 } ? user with { Test = null } : user;
        return new HealthConfig
        {
            Test = user?.Test is { Count: > 0 } ? user.Test : image.Test,
            Interval = NotZero(user?.Interval, image.Interval),
            Timeout = NotZero(user?.Timeout, image.Timeout),
            StartPeriod = NotZero(user?.StartPeriod, image.StartPeriod),
            StartInterval = NotZero(user?.StartInterval, image.StartInterval),
            Retries = NotZero(user?.Retries, image.Retries),
        };
    }

    private static long? NotZero(long? first, long? second) => first is null or 0 ? second is 0 ? null : second : first;
}
