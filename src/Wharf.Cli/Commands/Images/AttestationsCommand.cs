using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image attestations</c>: statements about how an image was made that came with it.</summary>
internal sealed class AttestationsCommand : Command
{
    private readonly StringFlag format, platform;
    private readonly ListFlag type;
    private readonly BoolFlag isWhole;

    public AttestationsCommand()
    {
        format = Flags.AddFormat();
        platform = Flags.String("platform", "Attestations of this platform's variant (os[/arch[/variant]])");
        isWhole = Flags.Bool("statement", "Print the statements, one JSON a line");
        type = Flags.List("type", "Only of this predicate type, e.g. https://slsa.dev/provenance/v1");
    }

    public override string Usage => "[OPTIONS] IMAGE";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("platform", Platform.ToJson(platform.Value, "invalid platform: ")).Add("statement", isWhole).AddAll("type", type.Values);
        var statements = await cli.Api.GetAsync($"/images/{Reference.Escape(arguments[0])}/attestations{query}", WharfJson.Default.ListAttestationStatement, cancellationToken);
        if (isWhole) foreach (var statement in statements) await cli.Out.WriteLineAsync(statement.Statement?.GetRawText() ?? "null");
        else await cli.Out.WriteAsync(Statements.Render(format.Value == "" ? "table" : format.Value, isQuiet: false, statements));
        return 0;
    }

    private static Listing<AttestationStatement> Statements { get; } = new()
    {
        TableFormat = "{{.PredicateType}}\t{{.Size}}\t{{.Digest}}",
        Columns =
        [
            new("PredicateType", "PREDICATE TYPE", row => row.PredicateType),
            new("Size", "SIZE", row => Units.HumanSize(row.Descriptor?.Size ?? 0)),
            new("Digest", "DIGEST", row => row.Descriptor?.Digest.ToString() ?? ""),
        ],
    };
}
