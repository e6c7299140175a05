namespace Wharf.Runtime.Logs;

/// <summary>Values of log drivers' options, which the engine has checked.</summary>
internal static class LogOptions
{
    /// <summary>Whether a yes-or-no option says yes; <paramref name="otherwise"/> where it is not given.</summary>
    public static bool IsOn(this Dictionary<string, string> options, string name, bool otherwise = false) =>
        options.GetValueOrDefault(name) is { Length: > 0 } text ? text.ToLowerInvariant() is "1" or "t" or "true" : otherwise;
}
