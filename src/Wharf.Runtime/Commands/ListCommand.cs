using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>list</c>: all containers below --root.</summary>
internal sealed class ListCommand : RuntimeCommand
{
    private const int LeastWidth = 12, Padding = 3;
    private static readonly string[] Headings = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

    public override string Name => "list";
    public override string Summary => "list the containers below the given root";
    public override string Usage => "";
    public override (int Least, int Most) Count => (0, 0);
    public override IReadOnlyList<Flag> Flags => [Flag.Value("format", "table or json", "f", "table"), Flag.Switch("quiet", "IDs only", "q")];

    public override int Run(Context context, Arguments arguments)
    {
        // The default root may be missing: nothing was made yet.
        if (context.HasOwnRoot && !Directory.Exists(context.Root)) throw new RuntimeException($"open {context.Root}: no such file or directory");
        var containers = new ContainerStore(context.Root).All().Select(Describe).ToList();
        if (arguments.On("quiet"))
        {
            Streams.Out(string.Concat(containers.Select(container => container.Id + "\n")));
            return 0;
        }
        switch (arguments.Text("format") ?? "table")
        {
            case "table": Streams.Out(Table(containers)); break;
            case "json": Streams.Out((containers.Count == 0 ? "null" : Json(containers)) + "\n"); break;
            default: throw new RuntimeException("invalid format option");
        }
        return 0;
    }

    private static string Json(List<ContainerSummary> containers) => Encoding.UTF8.GetString(StateJson.Document(false, json =>
    {
        json.WriteStartArray();
        foreach (var container in containers) StateJson.Write(json, container);
        json.WriteEndArray();
    }));

    private static ContainerSummary Describe(Container container)
    {
        FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(container.Directory), out var stat), "statx", []);
        return container.Summary() with { Owner = Users.NameOf(stat.Uid) };
    }

    private static string Table(List<ContainerSummary> containers)
    {
        var rows = new List<string[]> { Headings };
        rows.AddRange(containers.Select(container => (string[])[container.Id, container.Pid.ToString(CultureInfo.InvariantCulture), container.Status, container.Bundle,
            container.Created.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture), container.Owner]));
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            for (int column = 0; column < row.Length - 1; column++) text.Append(row[column].PadRight(Math.Max(LeastWidth, rows.Max(other => other[column].Length) + Padding)));
            text.Append(row[^1]).Append('\n');
        }
        return text.ToString();
    }
}

/// <summary>Names of the host's users.</summary>
internal static class Users
{
    public static string NameOf(uint uid)
    {
        var wanted = uid.ToString(CultureInfo.InvariantCulture);
        foreach (var line in File.ReadLines("/etc/passwd"))
            if (line.Split(':') is [var name, _, var number, ..] && number == wanted) return name;
        return "#" + wanted;
    }
}
