using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf rmi</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag dangling, force, noPrune;
    private readonly StringsFlag platform;

    public RemoveCommand()
    {
        dangling = Flags.Bool("dangling", "Every image without a name");
        force = Flags.Bool("force", 'f', "Remove the image even if containers or other tags use it");
        noPrune = Flags.Bool("no-prune", "Keep parents that have no tag");
        platform = Flags.Strings("platform", "Remove only this platform's variant (os[/arch[/variant]])");
    }

    private IReadOnlyList<string> _platforms = [];

    protected override bool IsFailure(CliException error) => !(force && error is ApiException { Status: 404 });

    public override string Usage => "[OPTIONS] IMAGE [IMAGE...]";
    public override int MinArguments => dangling ? 0 : 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        _platforms = [.. platform.Values.Select(static text => Platform.ToJson(text)!)];
        if (!dangling) return await base.RunAsync(cli, arguments, cancellationToken);
        if (arguments.Count > 0) throw new CliException("--dangling takes no image names");
        var images = await cli.Api.GetAsync($"/images/json{new Query().AddFilters(["dangling=true"])}", DockerApiJson.Default.ListImageSummary, cancellationToken);
        return await base.RunAsync(cli, [.. images.Select(image => image.Id!)], cancellationToken);
    }

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var query = new Query().Add("force", force).Add("noprune", noPrune).AddAll("platforms", _platforms);
        var removed = DockerClient.Read(await cli.Api.DeleteAsync($"/images/{Reference.Escape(name)}{query}", cancellationToken), DockerApiJson.Default.ListImageDeleteResponseItem);
        var lines = removed.Select(item => item.Deleted is { Length: > 0 } deleted ? $"Deleted: {deleted}" : $"Untagged: {item.Untagged}");
        return removed.Count == 0 ? null : string.Join('\n', lines);
    }
}
