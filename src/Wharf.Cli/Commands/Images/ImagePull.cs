using Wharf.Cli.ApiClient;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary>Pulls an image with its progress: used by pull, run and create.</summary>
internal static class ImagePull
{
    public static async Task RunAsync(CliContext cli, string reference, string platform, bool isAllTags, TextWriter? output, int descriptor, CancellationToken cancellationToken)
    {
        var (name, tag, digest) = Reference.Split(reference);
        var query = new Query().Add("fromImage", name).Add("tag", digest != "" ? digest : isAllTags ? null : tag == "" ? "latest" : tag).Add("platform", platform);
        var header = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(name), cancellationToken);
        await using var response = await cli.Api.SendAsync(new ApiRequest("POST", $"/images/create{query}") { Headers = [new("X-Registry-Auth", header)] }, cancellationToken);
        var display = output is null ? new ProgressDisplay(TextWriter.Null, isTerminal: false, columns: 80) : ProgressDisplay.For(cli, output, descriptor);
        await display.RunAsync(response.Body, cancellationToken);
    }
}
