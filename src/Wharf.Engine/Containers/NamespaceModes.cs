namespace Wharf.Engine.Containers;

/// <summary>docker's words for whose namespace a container uses.</summary>
internal static class NamespaceModes
{
    private const string Prefix = "container:";

    /// <summary>The other container's name or ID, or null when the mode is of another kind.</summary>
    public static string? ContainerOf(string? mode) =>
        mode is not null && mode.StartsWith(Prefix, StringComparison.Ordinal) ? mode[Prefix.Length..] : null;
}
