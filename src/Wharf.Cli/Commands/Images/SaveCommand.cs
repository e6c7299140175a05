using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf save</c>.</summary>
internal sealed class SaveCommand : Command
{
    private readonly StringFlag output, platform;

    public SaveCommand()
    {
        output = Flags.String("output", 'o', "File to write to, in place of stdout");
        platform = Flags.String("platform", "Save only this platform's variant (os[/arch[/variant]])");
    }

    public override string Usage => "[OPTIONS] IMAGE [IMAGE...]";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().AddAll("names", arguments).Add("platform", Platform.ToJson(platform.Value, "invalid platform: "));
        await OutputFile.WriteAsync(cli, output.Value, "save image", async file =>
        {
            await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/images/get{query}"), cancellationToken);
            await response.Body.CopyToAsync(file, cancellationToken);
        });
        return 0;
    }
}
