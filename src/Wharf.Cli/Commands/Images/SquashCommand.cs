using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image squash</c>.</summary>
internal sealed class SquashCommand : Command
{
    private readonly StringFlag from, platform;
    private readonly ListFlag tag;

    public SquashCommand()
    {
        from = Flags.String("from", "Keep the layers up to this one, or those of this image");
        platform = Flags.String("platform", "Platform, if the image has more than one (os[/arch[/variant]])");
        tag = Flags.List("tag", 't', "Name for the new image");
    }

    public override string Usage => "[OPTIONS] IMAGE";
    public override string Details => "The image that is squashed stays as it is. --from takes a layer as inspect's RootFS.Layers shows it, or an image that this one was made from.";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("from", from.Value).AddAll("t", tag.Values).Add("platform", Platform.ToJson(platform.Value, "invalid platform: "));
        var made = await cli.Api.PostAsync($"/wharf/images/{Reference.Escape(arguments[0])}/squash{query}", DockerApiJson.Default.IdResponse, cancellationToken);
        await cli.Out.WriteLineAsync(made.Id);
        return 0;
    }
}
