using System.Globalization;
using System.Text.Json.Serialization.Metadata;
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
    private readonly BoolFlag listTags, noTruncate;

    public SearchCommand()
    {
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        limit = Flags.Int("limit", "Most results to show");
        listTags = Flags.Bool("list-tags", "Show the tags of the repository TERM");
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
    }

    public override string Usage => "[OPTIONS] TERM";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (listTags) return await ListTagsAsync(cli, arguments[0], cancellationToken);
        var query = new Query().Add("term", arguments[0]).Add("limit", limit.Value > 0 ? limit.Value : null).AddFilters(filter.Values);
        var found = await GetAsync(cli, $"/images/search{query}", arguments[0], DockerApiJson.Default.ListImageSearchResponseItem, cancellationToken);
        await cli.Out.WriteAsync(Listing().Render(Format, isQuiet: false, [.. found.OrderByDescending(item => item.StarCount)]));
        return 0;
    }

    private string Format => format.Value == "" ? "table" : format.Value;

    /// <summary>Asks the daemon to ask a registry, with the credentials that there are for the one that the name is of.</summary>
    private static async Task<T> GetAsync<T>(CliContext cli, string path, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var credentials = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(name), cancellationToken);
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", path) { Headers = [new("X-Registry-Auth", credentials)] }, cancellationToken);
        return DockerClient.Read(await response.ReadAllAsync(cancellationToken), type);
    }

    /// <summary>The tags that a repository has at its registry.</summary>
    public static Task<RepositoryTags> TagsOfAsync(CliContext cli, string repository, CancellationToken cancellationToken) =>
        GetAsync(cli, $"/wharf/tags/{Reference.Escape(repository)}", repository, WharfJson.Default.RepositoryTags, cancellationToken);

    /// <summary>podman's <c>--list-tags</c>: without <c>--limit</c> all of them, by version.</summary>
    private async Task<int> ListTagsAsync(CliContext cli, string repository, CancellationToken cancellationToken)
    {
        if (filter.Changed) throw new CliException("filters are not applicable to list tags result");
        var found = await TagsOfAsync(cli, repository, cancellationToken);
        var tags = found.Tags.Order(NaturalOrder.Instance).Take(limit.Value > 0 ? (int)Math.Min(limit.Value, int.MaxValue) : int.MaxValue);
        var listing = new Listing<string>
        {
            TableFormat = "{{.Name}}\t{{.Tag}}",
            Columns = [new("Name", "NAME", _ => found.Name), new("Tag", "TAG", tag => tag)],
        };
        await cli.Out.WriteAsync(listing.Render(Format, isQuiet: false, [.. tags]));
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
