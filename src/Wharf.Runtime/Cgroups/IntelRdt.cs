using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>
/// Shares of caches and memory bandwidth: groups of the kernel's resctrl file system (Documentation/arch/x86/resctrl.rst), where the
/// processor has such things and it is mounted.
/// </summary>
internal sealed class IntelRdt(string mountPoint)
{
    public const string NotSupported = "intelRdt is specified in config, but Intel RDT is not supported or enabled";

    /// <summary>This machine's; null where there is none.</summary>
    public static IntelRdt? Detect()
    {
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            int dash = line.IndexOf(" - resctrl ", StringComparison.Ordinal);
            if (dash > 0) return new IntelRdt(line[..dash].Split(' ')[4]);
        }
        return null;
    }

    public bool HasCaches => Directory.Exists(mountPoint + "/info/L3");
    public bool HasBandwidth => Directory.Exists(mountPoint + "/info/MB");

    /// <summary>
    /// Makes the container's group, or takes the one that its closID names, and sets what is wanted. Gives the directory, and whether it is the
    /// container's own: one that is named may be others' too, and stays when the container goes.
    /// </summary>
    public (string Directory, bool Own) Create(LinuxIntelRdt wanted, string id)
    {
        var name = wanted.ClosId is { Length: > 0 } given ? given : id;
        if (name is "." or ".." || name.Contains('/')) throw WharfException.Invalid($"linux.intelRdt.closID: \"{name}\" is no name");
        var directory = Path.Combine(mountPoint, name);
        var schemata = SchemataOf(wanted);
        bool there = Directory.Exists(directory);
        if (wanted.ClosId is { Length: > 0 } && schemata.Length == 0 && !there) throw WharfException.Invalid($"clos ID {name} does not exist and no schema is specified to create a new one");
        if (!there) Directory.CreateDirectory(directory);
        bool own = wanted.ClosId is not { Length: > 0 };
        try
        {
            WriteSchemata(directory, schemata);
        }
        catch (IOException)
        {
            if (!there) Directory.Delete(directory);
            throw;
        }
        return (directory, own);
    }

    public static string SchemataOf(LinuxIntelRdt wanted)
    {
        var lines = new List<string>();
        if (wanted.L3CacheSchema is { Length: > 0 } cache) lines.Add(cache);
        if (wanted.MemBwSchema is { Length: > 0 } bandwidth) lines.Add(bandwidth);
        lines.AddRange(wanted.Schemata ?? []);
        return string.Concat(lines.Select(line => line.TrimEnd('\n') + "\n"));
    }

    public static void WriteSchemata(string directory, string schemata)
    {
        if (schemata.Length > 0) CgroupFile.Write(directory + "/schemata", schemata, "linux.intelRdt");
    }

    /// <summary>Moves a process with all its threads into the group.</summary>
    public static void Join(string directory, int pid)
    {
        using var tasks = OpenAt.Open(directory + "/tasks", O.WRONLY);
        FileAt.WriteAll(tasks.Value, Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture)));
    }
}
