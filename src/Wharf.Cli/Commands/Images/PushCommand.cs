using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf push</c>.</summary>
internal sealed class PushCommand : Command
{
    private const string PlatformNote = """

         Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.
                 Other components, like attestations, will not be included.
                 To push the complete multi-platform image, remove the --platform flag.

        """;

    private readonly BoolFlag allTags, quiet, isUntrusted;
    private readonly StringFlag platform;
    private readonly RetryFlags retry;

    public PushCommand()
    {
        allTags = Flags.Bool("all-tags", 'a', "Every tag of the repository");
        isUntrusted = ContentTrust.Add(Flags, "Do not sign the image");
        platform = Flags.String("platform", "Only this platform's manifest, without the index (os[/arch[/variant]])");
        quiet = Flags.Bool("quiet", 'q', "Do not show the progress");
        retry = new RetryFlags(Flags);
    }

    public override string Usage => "[OPTIONS] NAME[:TAG] [PLACE]";
    public override string Details => $"PLACE is a directory or an archive in the place of the registry: {TransportPlace.Forms}.";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        ContentTrust.Check(isUntrusted);
        var only = Platform.ToJson(platform.Value, $"Invalid platform {platform.Value}");
        if (only is not null) await cli.Out.WriteLineAsync(PlatformNote);
        Reference.Check(arguments[0]);
        var (name, tag, digest) = Reference.Split(arguments[0]);
        if (digest != "") throw new CliException("cannot push a digest reference");
        if (allTags && tag != "") throw new CliException("tag can't be used with --all-tags/-a");
        if (!allTags && tag == "")
        {
            tag = "latest";
            if (!quiet) await cli.Out.WriteLineAsync("Using default tag: latest");
        }
        if (arguments.Count == 2)
        {
            if (!TransportPlace.Is(arguments[1])) throw new CliException($"{arguments[1]}: expected {TransportPlace.Forms}; for a registry, tag the image first");
            if (allTags) throw new CliException("--all-tags/-a is for registries");
            await TransportPlace.PushAsync(cli, $"{name}:{tag}", arguments[1], only, quiet, cancellationToken);
            return 0;
        }
        var header = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(name), cancellationToken);
        var query = new Query().Add("tag", allTags ? null : tag).Add("platform", only);
        await retry.RunAsync(cli, async () =>
        {
            await using var response = await cli.Api.SendAsync(new ApiRequest("POST", $"/images/{Reference.Escape(name)}/push{query}") { Headers = [new("X-Registry-Auth", header)] }, cancellationToken);
            var display = quiet ? new ProgressDisplay(TextWriter.Null, isTerminal: false, columns: 80) : ProgressDisplay.For(cli, cli.Out, 1);
            await display.RunAsync(response.Body, cancellationToken);
        }, cancellationToken);
        if (quiet) await cli.Out.WriteLineAsync(Reference.InFull(tag == "" ? name : $"{name}:{tag}"));
        return 0;
    }
}
