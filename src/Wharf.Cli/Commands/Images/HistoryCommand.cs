using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf history</c>.</summary>
internal sealed class HistoryCommand : Command
{
    private readonly StringFlag format, platform;
    private readonly BoolFlag human, noTruncate, quiet;

    public HistoryCommand()
    {
        format = Flags.AddFormat();
        human = Flags.Bool("human", 'H', "Sizes and dates for people", initial: true);
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
        platform = Flags.String("platform", "History of this platform's variant (os[/arch[/variant]])");
        quiet = Flags.Bool("quiet", 'q', "Only image IDs");
    }

    public override string Usage => "[OPTIONS] IMAGE";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("platform", Platform.ToJson(platform.Value, "invalid platform: "));
        var history = await cli.Api.GetAsync($"/images/{Reference.Escape(arguments[0])}/history{query}", DockerApiJson.Default.ListHistoryResponseItem, cancellationToken);
        await cli.Out.WriteAsync(Listing().Render(format.Value == "" ? "table" : format.Value, quiet, history));
        return 0;
    }

    private Listing<HistoryResponseItem> Listing() => new()
    {
        TypeName = "*formatter.historyContext",
        TableFormat = human ? "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}" : "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        QuietFormat = "{{.ID}}",
        Columns =
        [
            new("ID", "IMAGE", row => Text.ShortId(row.Id, !noTruncate)),
            new("CreatedSince", "CREATED", row => Created(row) <= DateTimeOffset.UnixEpoch ? "N/A" : Ago.Since(Created(row), DateTimeOffset.UtcNow)),
            new("CreatedAt", "CREATED AT", row => TimeZoneInfo.ConvertTime(Created(row), TimeZoneInfo.Local).ToString("yyyy-MM-dd'T'HH:mm:ssK", CultureInfo.InvariantCulture).Replace("+00:00", "Z", StringComparison.Ordinal)),
            new("CreatedBy", "CREATED BY", CreatedBy),
            new("Size", "SIZE", row => human ? Units.TableSize(row.Size ?? 0) : (row.Size ?? 0).ToString(CultureInfo.InvariantCulture)),
            new("Comment", "COMMENT", row => row.Comment ?? ""),
        ],
    };

    private static DateTimeOffset Created(HistoryResponseItem row) => DateTimeOffset.FromUnixTimeSeconds(row.Created ?? 0);

    private string CreatedBy(HistoryResponseItem row)
    {
        var text = (row.CreatedBy ?? "").Replace('\t', ' ');
        return noTruncate ? text : Text.Ellipsis(text, 45);
    }
}
