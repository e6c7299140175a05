using System.Globalization;

namespace Wharf.Engine.Containers;

/// <summary>The processes of a container that has no cgroup to list them.</summary>
internal static class PidNamespace
{
    /// <summary>All processes in the PID namespace that a process is in (pid_namespaces(7)).</summary>
    public static HashSet<int> ProcessesWith(int pid)
    {
        var found = new HashSet<int>();
        if (NamespaceOf(pid) is not { } wanted) return found;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int other) && NamespaceOf(other) == wanted) found.Add(other);
        return found;
    }

    private static string? NamespaceOf(int pid)
    {
        try { return new FileInfo($"/proc/{pid}/ns/pid").LinkTarget; }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return null; } // it has ended, or is another user's
    }
}
