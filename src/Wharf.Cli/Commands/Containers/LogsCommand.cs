using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Logs;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf logs</c>.</summary>
internal sealed class LogsCommand : Command
{
    private readonly BoolFlag details, follow, info, timestamps;
    private readonly StringFlag color, since, until, tail;

    public LogsCommand()
    {
        color = Flags.Add(new StringFlag("color", '\0', "Whether the names before the lines of several containers are coloured (\"auto\", \"always\", \"never\")", "auto")
        {
            DefaultText = "\"auto\"", Check = text => _ = text is "auto" or "always" or "never" ? text : throw new FormatException("must be auto, always or never"),
        });
        details = Flags.Bool("details", "Show the log options given as labels and variables");
        follow = Flags.Bool("follow", 'f', "Go on as more is written");
        info = Flags.Bool("info", "Show the driver, the size on disk and how many lines were dropped, not the lines");
        since = Flags.String("since", "Only from this time on (\"2013-01-02T13:23:37Z\", or \"42m\" for 42 minutes ago)");
        tail = Flags.String("tail", 'n', "Only this many lines from the end", "all");
        timestamps = Flags.Bool("timestamps", 't', "Show when each line was written");
        until = Flags.String("until", "Only before this time (\"2013-01-02T13:23:37Z\", or \"42m\" for 42 minutes ago)");
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";
    public override string Details => "Lines of several containers are merged by the time they were written, each with its container's name in front.";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var containers = new List<ContainerInspectResponse>();
        foreach (var name in arguments) containers.Add(await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(name)}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken));
        if (info.Value) return await ShowUseAsync(cli, containers, cancellationToken);
        if (containers.Count > 1) return await ShowSeveralAsync(cli, containers, cancellationToken);
        var container = containers[0];
        var query = new Query().Add("stdout", "1").Add("stderr", "1").Add("details", details).Add("follow", follow).Add("timestamps", timestamps)
            .Add("tail", tail.Value).Add("since", TimePoint.ToApi(since.Value, "since")).Add("until", TimePoint.ToApi(until.Value, "until"));
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/containers/{container.Id}/logs{query}"), cancellationToken);
        if (container.Config?.Tty == true) await response.Body.CopyToAsync(cli.OutputStream, cancellationToken);
        else await Demultiplexer.CopyAsync(target => response.Body.ReadAsync(target, cancellationToken), cli.OutputStream, cli.ErrorStream, cancellationToken);
        return 0;
    }

    private async Task<int> ShowSeveralAsync(CliContext cli, List<ContainerInspectResponse> containers, CancellationToken cancellationToken)
    {
        var isColored = color.Value == "always" || (color.Value == "auto" && Terminal.ShowsColors(1));
        using var printer = new LogPrinter(cli, [.. containers.Select(ContainerNaming.Of)], isColored, timestamps);
        var choice = new LogChoice { Details = details, Follow = follow, Tail = tail.Value, Since = TimePoint.ToApi(since.Value, "since"), Until = TimePoint.ToApi(until.Value, "until") };
        await new LogMerge(cli, [.. containers.Select(container => new LogSource(container.Id!, container.Config?.Tty == true))], choice, printer).RunAsync(cancellationToken);
        return 0;
    }

    private static async Task<int> ShowUseAsync(CliContext cli, List<ContainerInspectResponse> containers, CancellationToken cancellationToken)
    {
        foreach (var container in containers)
        {
            var use = await cli.Api.GetAsync($"/wharf/containers/{container.Id}/log", WharfJson.Default.ContainerLogUse, cancellationToken);
            if (containers.Count > 1) await cli.Out.WriteLineAsync($"Container:      {ContainerNaming.Of(container)}");
            await cli.Out.WriteLineAsync($"Driver:         {use.Driver}");
            if (use.Path is not null) await cli.Out.WriteLineAsync($"Path:           {use.Path}");
            await cli.Out.WriteLineAsync($"Size:           {Units.HumanSize(use.Bytes)} in {use.Files} files");
            await cli.Out.WriteLineAsync($"Dropped lines:  {use.DroppedLines}");
        }
        return 0;
    }
}
