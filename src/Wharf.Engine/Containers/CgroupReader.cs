using System.Globalization;

namespace Wharf.Engine.Containers;

/// <summary>Reads the cgroup a process is in (cgroups(7)): by controller on v1, in one place on v2.</summary>
internal sealed class CgroupReader
{
    private const string Root = "/sys/fs/cgroup";

    private readonly Dictionary<string, string> _directories = new(StringComparer.Ordinal);

    private CgroupReader(bool v2) => IsV2 = v2;

    public bool IsV2 { get; }

    /// <summary>The cgroup of a process; null when it has just ended.</summary>
    public static CgroupReader? Of(int pid)
    {
        var reader = new CgroupReader(File.Exists($"{Root}/cgroup.controllers"));
        try
        {
            foreach (var line in File.ReadLines($"/proc/{pid}/cgroup"))
            {
                // hierarchy-ID:controller-list:cgroup-path
                var parts = line.Split(':', 3);
                if (parts.Length != 3) continue;
                if (reader.IsV2 && parts[1].Length == 0) reader._directories[""] = Root + parts[2];
                else if (!reader.IsV2)
                    foreach (var controller in parts[1].Split(',')) reader._directories[controller] = $"{Root}/{parts[1]}{parts[2]}";
            }
        }
        catch (IOException)
        {
            return null;
        }
        return reader._directories.Count == 0 ? null : reader;
    }

    public string? Read(string controller, string file)
    {
        if (!_directories.TryGetValue(IsV2 ? "" : controller, out var directory)) return null;
        var path = Path.Combine(directory, file);
        try { return File.ReadAllText(path); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return null; }
    }

    /// <summary>A single number; "max" is the largest there is.</summary>
    public ulong? Number(string controller, string file) => Read(controller, file)?.Trim() is not { } text ? null :
        text == "max" ? ulong.MaxValue : ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>Lines of a name and a number.</summary>
    public Dictionary<string, ulong> Table(string controller, string file)
    {
        var table = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var line in (Read(controller, file) ?? "").Split('\n'))
        {
            int space = line.IndexOf(' ');
            if (space > 0 && ulong.TryParse(line.AsSpan(space + 1), CultureInfo.InvariantCulture, out ulong value)) table[line[..space]] = value;
        }
        return table;
    }

    /// <summary>All processes, those in cgroups further down too.</summary>
    public HashSet<int> Processes()
    {
        var pids = new HashSet<int>();
        if (_directories.TryGetValue(IsV2 ? "" : "pids", out var directory) || _directories.TryGetValue("memory", out directory)) Collect(directory, pids);
        return pids;
    }

    private static void Collect(string directory, HashSet<int> pids)
    {
        try
        {
            foreach (var line in File.ReadLines(Path.Combine(directory, "cgroup.procs")))
                if (int.TryParse(line, CultureInfo.InvariantCulture, out int pid)) pids.Add(pid);
            foreach (var child in Directory.EnumerateDirectories(directory)) Collect(child, pids);
        }
        catch (IOException)
        {
            // The cgroup went away while it was read: nobody is in it any more.
        }
    }
}
