using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf logs</c>.</summary>
internal sealed class LogsCommand : Command
{
    private readonly BoolFlag details, follow, info, timestamps;
    private readonly StringFlag since, until, tail;

    public LogsCommand()
    {
        details = Flags.Bool("details", "Show the log options given as labels and variables");
        follow = Flags.Bool("follow", 'f', "Go on as more is written");
        info = Flags.Bool("info", "Show the driver, the size on disk and how many lines were dropped, not the lines");
        since = Flags.String("since", "Only from this time on (\"2013-01-02T13:23:37Z\", or \"42m\" for 42 minutes ago)");
        tail = Flags.String("tail", 'n', "Only this many lines from the end", "all");
        timestamps = Flags.Bool("timestamps", 't', "Show when each line was written");
        until = Flags.String("until", "Only before this time (\"2013-01-02T13:23:37Z\", or \"42m\" for 42 minutes ago)");
    }

    public override string Usage => "[OPTIONS] CONTAINER";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var container = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);
        if (info.Value) return await ShowUseAsync(cli, container.Id!, cancellationToken);
        var query = new Query().Add("stdout", "1").Add("stderr", "1").Add("details", details).Add("follow", follow).Add("timestamps", timestamps)
            .Add("tail", tail.Value).Add("since", TimePoint.ToApi(since.Value, "since")).Add("until", TimePoint.ToApi(until.Value, "until"));
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/containers/{container.Id}/logs{query}"), cancellationToken);
        if (container.Config?.Tty == true) await response.Body.CopyToAsync(cli.OutputStream, cancellationToken);
        else await Demultiplexer.CopyAsync(target => response.Body.ReadAsync(target, cancellationToken), cli.OutputStream, cli.ErrorStream, cancellationToken);
        return 0;
    }

    private static async Task<int> ShowUseAsync(CliContext cli, string id, CancellationToken cancellationToken)
    {
        var use = await cli.Api.GetAsync($"/wharf/containers/{id}/log", WharfJson.Default.ContainerLogUse, cancellationToken);
        await cli.Out.WriteLineAsync($"Driver:         {use.Driver}");
        if (use.Path is not null) await cli.Out.WriteLineAsync($"Path:           {use.Path}");
        await cli.Out.WriteLineAsync($"Size:           {Units.HumanSize(use.Bytes)} in {use.Files} files");
        await cli.Out.WriteLineAsync($"Dropped lines:  {use.DroppedLines}");
        return 0;
    }
}
