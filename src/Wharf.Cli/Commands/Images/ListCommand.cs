using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf images</c>.</summary>
internal sealed class ListCommand : Command
{
    private readonly BoolFlag all, digests, noTruncate, quiet, tree;
    private readonly ListFlag filter;
    private readonly StringFlag format;

    public ListCommand()
    {
        all = Flags.Bool("all", 'a', "Also intermediate images");
        digests = Flags.Bool("digests", "Also digests");
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
        quiet = Flags.Bool("quiet", 'q', "Only IDs");
        tree = Flags.Bool("tree", "Images of many platforms as a tree");
    }

    public override string Usage => "[OPTIONS] [REPOSITORY[:TAG]]";
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (tree) RequireTreeAlone();
        var filters = arguments.Count == 0 ? filter.Values : [.. filter.Values, $"reference={arguments[0]}"];
        var query = new Query().Add("all", all).Add("manifests", tree).AddFilters(filters);
        var images = await cli.Api.GetAsync($"/images/json{query}", DockerApiJson.Default.ListImageSummary, cancellationToken);
        if (tree)
        {
            await cli.Out.WriteAsync(ImageTree.Render(images, Output.Terminal.IsTerminal(1) ? Output.Terminal.Size(1)?.Columns ?? 80 : null));
            return 0;
        }
        var text = format.Value != "" ? format.Value : quiet ? "table" : cli.Config.Text("imagesFormat") ?? "table";
        var needsDigest = digests || text.Contains("Digest", StringComparison.Ordinal);
        await cli.Out.WriteAsync(ImageListing.Create(!noTruncate, digests).Render(text, quiet, [.. images.SelectMany(image => ImageListing.Rows(image, needsDigest))]));
        return 0;
    }

    private void RequireTreeAlone()
    {
        foreach (var (given, name) in (ReadOnlySpan<(bool, string)>)[(quiet, "quiet"), (noTruncate, "no-trunc"), (digests, "show-digest"), (format.Value != "", "format")])
            if (given) throw new CliException($"--{name} is not yet supported with --tree");
    }
}
