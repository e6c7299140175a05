using System.Security.Cryptography;
using System.Text;

namespace Wharf.SystemTests.Fixtures;

/// <summary>After the daemon has stopped: nothing of it may be left on the machine.</summary>
public static class LeakCheck
{
    /// <summary>Throws, naming each mount, process, cgroup and interface that was left.</summary>
    public static void Run(string root, string dataRoot)
    {
        var tag = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(dataRoot)))[..8];
        var left = new List<string>();
        left.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(root, StringComparison.Ordinal)).Select(line => "mount: " + line));
        left.AddRange(Interfaces(tag).Select(name => "interface: " + name));
        left.AddRange(Cgroups(tag).Select(path => "cgroup: " + path));
        left.AddRange(Processes(root).Select(line => "process: " + line));
        if (left.Count > 0) throw new InvalidOperationException("left behind:\n" + string.Join('\n', left));
    }

    /// <summary>Interfaces of the daemon with this tag: they have it in their name or their alias.</summary>
    public static IEnumerable<string> Interfaces(string tag)
    {
        foreach (var path in Directory.GetDirectories("/sys/class/net"))
        {
            string alias;
            try { alias = File.ReadAllText(Path.Combine(path, "ifalias")); }
            catch (IOException) { continue; } // it ended while we looked
            if (Path.GetFileName(path).Contains(tag[..6], StringComparison.Ordinal) || alias.Contains(tag, StringComparison.Ordinal)) yield return Path.GetFileName(path);
        }
    }

    private static IEnumerable<string> Cgroups(string tag)
    {
        foreach (var controller in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            foreach (var path in Directory.GetDirectories(controller, $"wharf-{tag}*")) yield return path;
    }

    private static IEnumerable<string> Processes(string root)
    {
        foreach (var directory in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out int pid) || pid == Environment.ProcessId) continue;
            string line, state;
            try
            {
                line = File.ReadAllText(Path.Combine(directory, "cmdline")).Replace('\0', ' ');
                state = File.ReadAllText(Path.Combine(directory, "stat"));
            }
            catch (IOException) { continue; } // it ended while we looked
            // The machine's PID 1 may leave orphans as zombies for a while: state Z counts as gone.
            if (line.Contains(root, StringComparison.Ordinal) && !state[(state.LastIndexOf(')') + 2)..].StartsWith('Z')) yield return $"{pid} {line}";
        }
    }
}
