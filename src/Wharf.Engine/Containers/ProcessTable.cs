using System.Globalization;
using System.Text;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>
/// Processes by the columns that podman's <c>top</c> knows (<c>hpid</c>, <c>capeff</c>, <c>seccomp</c> …): what the kernel says of each in proc(5), nothing of
/// the container is read or executed. Users and groups are numbers: of the container, or with an <c>h</c> before the name of the host.
/// </summary>
internal static class ProcessTable
{
    private const int TicksPerSecond = 100;

    private static readonly Dictionary<string, (string Title, Func<ProcessFacts, string> Value)> Columns = new(StringComparer.Ordinal)
    {
        ["args"] = ("COMMAND", static facts => facts.CommandLine),
        ["capamb"] = ("AMBIENT CAPS", static facts => facts.Capabilities("CapAmb")),
        ["capbnd"] = ("BOUNDING CAPS", static facts => facts.Capabilities("CapBnd")),
        ["capeff"] = ("EFFECTIVE CAPS", static facts => facts.Capabilities("CapEff")),
        ["capinh"] = ("INHERITED CAPS", static facts => facts.Capabilities("CapInh")),
        ["capprm"] = ("PERMITTED CAPS", static facts => facts.Capabilities("CapPrm")),
        ["comm"] = ("COMMAND", static facts => facts.Status("Name")),
        ["etime"] = ("ELAPSED", static facts => Seconds(facts.Elapsed)),
        ["group"] = ("GROUP", static facts => facts.Identity("Gid", 1, "gid_map")),
        ["hgroup"] = ("HGROUP", static facts => facts.Words("Gid")[1]),
        ["hpid"] = ("HPID", static facts => facts.HostPid),
        ["huser"] = ("HUSER", static facts => facts.Words("Uid")[1]),
        ["label"] = ("LABEL", static facts => facts.Label),
        ["nice"] = ("NI", static facts => facts.Stat(19)),
        ["pcpu"] = ("%CPU", static facts => string.Create(CultureInfo.InvariantCulture, $"{(facts.Elapsed > 0 ? 100 * facts.Processor / facts.Elapsed : 0):0.000}")),
        ["pgid"] = ("PGID", static facts => facts.Words("NSpgid")[^1]),
        ["pid"] = ("PID", static facts => facts.Words("NSpid")[^1]),
        ["ppid"] = ("PPID", static facts => facts.Parent),
        ["rgroup"] = ("RGROUP", static facts => facts.Identity("Gid", 0, "gid_map")),
        ["ruser"] = ("RUSER", static facts => facts.Identity("Uid", 0, "uid_map")),
        ["seccomp"] = ("SECCOMP", static facts => facts.Status("Seccomp") switch { "0" => "disabled", "1" => "strict", "2" => "filter", var other => other }),
        ["state"] = ("STATE", static facts => facts.Stat(3)),
        ["stime"] = ("STIME", static facts => (DateTimeOffset.Now - TimeSpan.FromSeconds(facts.Elapsed)).ToString("HH:mm:ss", CultureInfo.InvariantCulture)),
        ["time"] = ("TIME", static facts => Seconds(facts.Processor)),
        ["tty"] = ("TTY", static facts => facts.Terminal),
        ["user"] = ("USER", static facts => facts.Identity("Uid", 1, "uid_map")),
        ["vsz"] = ("VSZ", static facts => facts.Status("VmSize").Split(' ')[0] is { Length: > 0 } size ? size : "0"),
    };

    /// <summary>The columns that top's arguments name, apart by blanks or commas; null when they are those of ps. <c>args</c> alone is also an option of ps, and left to it.</summary>
    public static List<string>? Parse(string? arguments)
    {
        var words = (arguments ?? "").Split((char[])[' ', ','], StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 0 || words is ["args"] || !words.All(Columns.ContainsKey) ? null : [.. words];
    }

    public static ContainerTopResponse Show(IReadOnlyList<string> columns, IEnumerable<int> pids)
    {
        var rows = new List<List<string>>();
        foreach (int pid in pids.Order())
        {
            try
            {
                var facts = new ProcessFacts(pid);
                rows.Add([.. columns.Select(column => Columns[column].Value(facts))]);
            }
            catch (IOException)
            {
                continue; // ended meanwhile
            }
        }
        return new ContainerTopResponse { Titles = [.. columns.Select(static column => Columns[column].Title)], Processes = rows };
    }

    private static string Seconds(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Floor(seconds));
        return time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}h{time.Minutes}m{time.Seconds}s") : time.TotalMinutes >= 1 ? $"{time.Minutes}m{time.Seconds}s" : $"{time.Seconds}s";
    }

    /// <summary>What proc(5) says of one process. An <see cref="IOException"/> when it is gone.</summary>
    private sealed class ProcessFacts
    {
        private readonly int _pid;
        private readonly Dictionary<string, string> _status = new(StringComparer.Ordinal);
        private readonly string[] _stat;

        public ProcessFacts(int pid)
        {
            _pid = pid;
            foreach (var line in Read("status").Split('\n'))
                if (line.IndexOf(':') is > 0 and var at) _status[line[..at]] = line[(at + 1)..].Trim();
            var stat = Read("stat");
            // The name in brackets may hold anything.
            _stat = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            double up = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
            Elapsed = Math.Max(0, up - Number(22) / TicksPerSecond);
            Processor = (Number(14) + Number(15)) / TicksPerSecond;
        }

        public string HostPid => _pid.ToString(CultureInfo.InvariantCulture);
        /// <summary>Seconds since it began.</summary>
        public double Elapsed { get; }
        /// <summary>Seconds of processor time.</summary>
        public double Processor { get; }

        public string Status(string field) => _status.GetValueOrDefault(field, "");

        public string[] Words(string field) => Status(field).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } words ? words : throw new IOException($"/proc/{_pid}/status: {field}");

        /// <summary>A field of stat by its number in proc(5), from the third on.</summary>
        public string Stat(int number) => _stat[number - 3];

        private double Number(int field) => double.Parse(Stat(field), CultureInfo.InvariantCulture);

        public string CommandLine => Read("cmdline").TrimEnd('\0').Replace('\0', ' ') is { Length: > 0 } line ? line : $"[{Status("Name")}]";

        public string Label
        {
            get
            {
                try { return Read("attr/current").TrimEnd('\0', '\n') is { Length: > 0 } label ? label : "?"; }
                catch (IOException) { return "?"; /* no security module gives one */ }
            }
        }

        public string Parent
        {
            get
            {
                // Of a parent outside its namespace it sees 0.
                if (!int.TryParse(Stat(4), NumberStyles.None, CultureInfo.InvariantCulture, out int parent) || parent == 0) return "0";
                var own = Words("NSpid").Length;
                var above = new ProcessFacts(parent).Words("NSpid");
                return above.Length < own ? "0" : above[own - 1];
            }
        }

        public string Terminal
        {
            get
            {
                int device = int.Parse(Stat(7), CultureInfo.InvariantCulture);
                int major = (device >> 8) & 0xfff, minor = (device & 0xff) | ((device >> 12) & 0xfff00);
                return device == 0 ? "?" : major is >= 136 and <= 143 ? string.Create(CultureInfo.InvariantCulture, $"pts/{((major - 136) << 20) + minor}") : string.Create(CultureInfo.InvariantCulture, $"{major}:{minor}");
            }
        }

        /// <summary>A user or group as the process itself sees it (user_namespaces(7)).</summary>
        public string Identity(string field, int which, string map)
        {
            uint id = uint.Parse(Words(field)[which], CultureInfo.InvariantCulture);
            foreach (var line in Read(map).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var numbers = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(static word => uint.Parse(word, CultureInfo.InvariantCulture)).ToArray();
                if (id >= numbers[1] && id - numbers[1] < numbers[2]) return (numbers[0] + id - numbers[1]).ToString(CultureInfo.InvariantCulture);
            }
            return "65534";
        }

        public string Capabilities(string field)
        {
            ulong set = ulong.Parse(Status(field), NumberStyles.HexNumber, CultureInfo.InvariantCulture), full = (1UL << CapabilitySet.All.Length) - 1;
            if (set == 0) return "none";
            if ((set & full) == full) return "full";
            var names = new StringBuilder();
            for (int bit = 0; bit < CapabilitySet.All.Length; bit++)
                if ((set >> bit & 1) != 0) names.Append(names.Length > 0 ? "," : "").Append(CapabilitySet.All[bit]["CAP_".Length..]);
            return names.ToString();
        }

        private string Read(string file) => File.ReadAllText($"/proc/{_pid}/{file}");
    }
}
