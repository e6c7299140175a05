using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf stats</c>.</summary>
internal sealed class StatsCommand : Command
{
    private readonly BoolFlag all, noStream, noTruncate;
    private readonly StringFlag format;

    public StatsCommand()
    {
        all = Flags.Bool("all", 'a', "Also those that do not run");
        format = Flags.AddFormat();
        noStream = Flags.Bool("no-stream", "Only once");
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
    }

    public override string Usage => "[OPTIONS] [CONTAINER...]";

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var text = format.Value != "" ? format.Value : cli.Config.Text("statsFormat") ?? "table";
        var listing = Listing();
        if (noStream)
        {
            var names = await NamesAsync(cli, arguments, cancellationToken);
            var rows = await Task.WhenAll(names.Select(name => SampleAsync(cli, name, cancellationToken)));
            if (rows.Any(row => row is null)) return 1;
            await cli.Out.WriteAsync(listing.Render(text, isQuiet: false, [.. rows.OfType<StatsRow>()]));
            return 0;
        }
        await using var watch = new StatsWatch(cli);
        var isTable = text.StartsWith("table", StringComparison.Ordinal);
        if (arguments.Count > 0)
        {
            // A name that is not there ends it before anything is shown.
            watch.Follow(arguments);
            await watch.FirstSamplesAsync(cancellationToken);
            if (!watch.Errors.IsEmpty) return await FailAsync(cli, watch);
        }
        if (isTable) await cli.Out.WriteAsync("\x1b[2J\x1b[H");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        do
        {
            // Containers come and go while one watches them all.
            watch.Follow(arguments.Count > 0 ? arguments : await NamesAsync(cli, arguments, cancellationToken));
            if (arguments.Count > 0 && watch.HasEnded) break;
            var frame = listing.Render(text, isQuiet: false, watch.Rows);
            if (isTable) frame = "\x1b[H" + frame.Replace("\n", "\x1b[K\n", StringComparison.Ordinal) + "\x1b[J";
            await cli.Out.WriteAsync(frame);
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
        return await FailAsync(cli, watch);
    }

    private static async Task<int> FailAsync(CliContext cli, StatsWatch watch)
    {
        foreach (var error in watch.Errors) await cli.Error.WriteLineAsync(error);
        return watch.Errors.IsEmpty ? 0 : 1;
    }

    private async Task<IReadOnlyList<string>> NamesAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments.Count > 0) return arguments;
        var containers = await cli.Api.GetAsync($"/containers/json{new Query().Add("all", all)}", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        return [.. containers.Select(container => container.Id ?? "")];
    }

    private static async Task<StatsRow?> SampleAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        try
        {
            var stats = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(name)}/stats?stream=0", DockerApiJson.Default.ContainerStatsResponse, cancellationToken);
            return new StatsRow(name, stats);
        }
        catch (ApiException e)
        {
            await cli.Error.WriteLineAsync(e.Message);
            return null;
        }
    }

    private Listing<StatsRow> Listing() => new()
    {
        TypeName = "*container.statsContext",
        TableFormat = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
        Columns =
        [
            new("Container", "CONTAINER", row => row.Container),
            new("ID", "CONTAINER ID", row => Text.ShortId(row.Stats.Id, !noTruncate)),
            new("Name", "NAME", row => row.Stats.Name?.TrimStart('/') ?? "--"),
            new("CPUPerc", "CPU %", row => Percent(row.CpuPercent)),
            new("MemUsage", "MEM USAGE / LIMIT", row => $"{Units.BytesSize(row.MemoryUsed)} / {Units.BytesSize(row.MemoryLimit)}"),
            new("MemPerc", "MEM %", row => Percent(row.MemoryLimit == 0 ? 0 : row.MemoryUsed / row.MemoryLimit * 100)),
            new("NetIO", "NET I/O", row => $"{Units.TableSize(row.NetworkReceived)} / {Units.TableSize(row.NetworkSent)}"),
            new("BlockIO", "BLOCK I/O", row => $"{Units.TableSize(row.BlockRead)} / {Units.TableSize(row.BlockWritten)}"),
            new("PIDs", "PIDS", row => (row.Stats.PidsStats?.Current ?? 0).ToString(CultureInfo.InvariantCulture)),
        ],
    };

    private static string Percent(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + "%";
}
