using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf ps</c>.</summary>
internal sealed class ListCommand : Command
{
    private readonly BoolFlag all, latest, noTruncate, quiet, size;
    private readonly ListFlag filter;
    private readonly StringFlag format;
    private readonly IntFlag last;

    public ListCommand()
    {
        all = Flags.Bool("all", 'a', "Also those that do not run");
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        last = Flags.Int("last", 'n', "Only the last n created, in any state", initial: -1);
        latest = Flags.Bool("latest", 'l', "Only the last created, in any state");
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
        quiet = Flags.Bool("quiet", 'q', "Only IDs");
        size = Flags.Bool("size", 's', "Also sizes");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var text = format.Value != "" ? format.Value : quiet ? "table" : cli.Config.Text("psFormat") ?? "table";
        if (quiet && format.Value != "")
        {
            await cli.Error.WriteLineAsync("WARNING: Ignoring custom format, because both --format and --quiet are set.");
            if (text != "raw") text = "table";
        }
        var needsSize = size || (format.Value != "" && (text.Contains(".Size", StringComparison.Ordinal) || text.Contains("json .}", StringComparison.Ordinal)));
        var limit = latest ? 1 : last.Value > 0 ? last.Value : (long?)null;
        var query = new Query().Add("all", all || limit is not null).Add("limit", limit).Add("size", needsSize).AddFilters(filter.Values);
        var containers = await cli.Api.GetAsync($"/containers/json{query}", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        var listing = ContainerListing.Create(!noTruncate, size);
        // A wrong template is told also where there is nothing to show it with.
        if (containers.Count == 0) listing.Render(text, quiet, [new ContainerSummary()]);
        await cli.Out.WriteAsync(listing.Render(text, quiet, containers));
        return 0;
    }
}
