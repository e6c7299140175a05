using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf search</c>.</summary>
internal sealed class SearchCommand : Command
{
    private readonly ListFlag filter;
    private readonly StringFlag format;
    private readonly IntFlag limit;
    private readonly BoolFlag noTruncate;

    public SearchCommand()
    {
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        limit = Flags.Int("limit", "Most results to show");
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
    }

    public override string Usage => "[OPTIONS] TERM";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var header = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(arguments[0]), cancellationToken);
        var query = new Query().Add("term", arguments[0]).Add("limit", limit.Value > 0 ? limit.Value : null).AddFilters(filter.Values);
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/images/search{query}") { Headers = [new("X-Registry-Auth", header)] }, cancellationToken);
        var found = DockerClient.Read(await response.ReadAllAsync(cancellationToken), DockerApiJson.Default.ListImageSearchResponseItem);
        await cli.Out.WriteAsync(Listing().Render(format.Value == "" ? "table" : format.Value, isQuiet: false, [.. found.OrderByDescending(item => item.StarCount)]));
        return 0;
    }

    private Listing<ImageSearchResponseItem> Listing() => new()
    {
        TypeName = "*search.searchContext",
        TableFormat = "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
        Columns =
        [
            new("Name", "NAME", row => row.Name ?? ""),
            new("Description", "DESCRIPTION", row => Describe(row)),
            new("StarCount", "STARS", row => (row.StarCount ?? 0).ToString(CultureInfo.InvariantCulture)),
            new("IsOfficial", "OFFICIAL", row => row.IsOfficial == true ? "[OK]" : ""),
            new("IsAutomated", "AUTOMATED", row => row.IsAutomated == true ? "[OK]" : ""),
        ],
    };

    private string Describe(ImageSearchResponseItem row)
    {
        var text = (row.Description ?? "").Replace('\n', ' ').Replace('\r', ' ');
        return noTruncate ? text : Text.Ellipsis(text, 45);
    }
}
