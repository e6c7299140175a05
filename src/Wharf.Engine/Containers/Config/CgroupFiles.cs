using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Values of cgroup v2 files that docker's API has no fields for, from annotations <c>wharf.cgroup.FILE</c> (<c>--cgroup-conf</c>).</summary>
internal static class CgroupFiles
{
    public const string Prefix = "wharf.cgroup.";

    /// <summary>The files by name; null for none. The runtime knows which there are.</summary>
    public static Dictionary<string, string>? Of(HostConfig host)
    {
        Dictionary<string, string>? files = null;
        foreach (var (key, value) in host.Annotations ?? [])
            if (key.StartsWith(Prefix, StringComparison.Ordinal)) (files ??= [])[key[Prefix.Length..]] = value;
        return files;
    }

    public static void Check(HostConfig host, HostCapacity capacity)
    {
        if (Of(host) is not { } files) return;
        var first = files.Keys.Order(StringComparer.Ordinal).First();
        if (!capacity.CgroupV2) throw WharfException.Invalid($"annotation {Prefix}{first}: files of cgroup v2 can be set on cgroup v2 only, and this machine has v1");
        foreach (var name in files.Keys)
            if (name.Length == 0 || name.Contains('/') || !name.Contains('.') || name.StartsWith("cgroup.", StringComparison.Ordinal)) throw WharfException.Invalid($"annotation {Prefix}{name}: no name of a cgroup file");
    }
}
