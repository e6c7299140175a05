using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>docker's words for whose namespace a container uses.</summary>
internal static class NamespaceModes
{
    private const string Prefix = "container:";
    private const string TimeKey = "wharf.timens";

    /// <summary>
    /// Whether a container gets a time namespace of its own, in which its clocks can be set apart from the host's: by annotation, as docker's API
    /// has no field for it. InvalidArgument for anything but <c>private</c> and <c>host</c>.
    /// </summary>
    public static bool HasOwnTime(HostConfig host) => (host.Annotations?.GetValueOrDefault(TimeKey) ?? "host") switch
    {
        "host" => false,
        "private" => File.Exists("/proc/self/ns/time") ? true : throw WharfException.Invalid($"{TimeKey}: this kernel has no time namespaces"),
        var other => throw WharfException.Invalid($"invalid {TimeKey}: \"{other}\": must be private or host"),
    };

    /// <summary>The other container's name or ID, or null when the mode is of another kind.</summary>
    public static string? ContainerOf(string? mode) =>
        mode is not null && mode.StartsWith(Prefix, StringComparison.Ordinal) ? mode[Prefix.Length..] : null;
}
