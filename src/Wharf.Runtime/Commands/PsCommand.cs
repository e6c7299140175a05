using System.Diagnostics;
using System.Globalization;
using System.Text;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>ps</c>: the processes of a container, by the host's own ps.</summary>
internal sealed class PsCommand : RuntimeCommand
{
    public override string Name => "ps";
    public override string Summary => "display the processes of a container";
    public override string Usage => "<container-id> [ps options]";
    public override (int Least, int Most) Count => (1, int.MaxValue);
    public override bool FlagsAnywhere => false;
    public override IReadOnlyList<Flag> Flags => [Flag.Value("format", "table or json", "f", "table")];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        var pids = container.OpenCgroup()?.Pids() ?? [];
        switch (arguments.Text("format") ?? "table")
        {
            case "json": Streams.Out($"[{string.Join(',', pids)}]\n"); break;
            case "table": Streams.Out(Table(pids, [.. arguments.Rest.Skip(1)])); break;
            default: throw new RuntimeException("invalid format option");
        }
        return 0;
    }

    private static string Table(IReadOnlyList<int> pids, IReadOnlyList<string> options)
    {
        var start = new ProcessStartInfo("ps", options.Count > 0 ? options : ["-ef"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var ps = Process.Start(start)!;
        var lines = ps.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var errors = ps.StandardError.ReadToEnd();
        ps.WaitForExit();
        if (ps.ExitCode != 0 || lines.Length == 0) throw new RuntimeException($"exit status {ps.ExitCode}: {errors.Trim()}");
        int column = Array.IndexOf(lines[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), "PID");
        if (column < 0) throw new RuntimeException("couldn't find PID field in ps output");
        var text = new StringBuilder(lines[0] + "\n");
        foreach (var line in lines.Skip(1))
        {
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > column && int.TryParse(fields[column], NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pids.Contains(pid)) text.Append(line).Append('\n');
        }
        return text.ToString();
    }
}
