using Wharf.Engine.Containers.Config;

namespace Wharf.Engine.Containers.Oci;

/// <summary>The environment of a container's process, by docker's rules.</summary>
internal static class ProcessEnvironment
{
    public const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>PATH, HOSTNAME and TERM, overridden by <paramref name="configured"/>; an entry without = takes a variable away. HOME comes from passwd when nobody set it.</summary>
    public static List<string> Build(IReadOnlyList<string>? configured, string? hostname, bool terminal, string home, IReadOnlyList<string>? extra = null)
    {
        var environment = new List<string>(8) { DefaultPath };
        if (!string.IsNullOrEmpty(hostname)) environment.Add("HOSTNAME=" + hostname);
        if (terminal) environment.Add("TERM=xterm");
        Overlay(environment, configured);
        Overlay(environment, extra);
        if (!environment.Exists(variable => variable.StartsWith("HOME=", StringComparison.Ordinal))) environment.Add("HOME=" + home);
        return environment;
    }

    private static void Overlay(List<string> environment, IReadOnlyList<string>? changes)
    {
        foreach (var change in changes ?? [])
        {
            var name = ConfigMerge.Name(change);
            int at = environment.FindIndex(variable => variable.Length > name.Length && variable[name.Length] == '=' && variable.StartsWith(name, StringComparison.Ordinal));
            if (change.Length == name.Length)
            {
                if (at >= 0) environment.RemoveAt(at);
            }
            else if (at >= 0) environment[at] = change;
            else environment.Add(change);
        }
    }
}
