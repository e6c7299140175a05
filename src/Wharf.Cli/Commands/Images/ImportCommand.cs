using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf import</c>: a root file system's tar becomes an image.</summary>
internal sealed class ImportCommand : Command
{
    private readonly ListFlag change;
    private readonly StringFlag message, platform;

    public ImportCommand()
    {
        change = Flags.List("change", 'c', "Dockerfile instruction to apply to the image");
        message = Flags.String("message", 'm', "What the image is");
        platform = Flags.String("platform", "Platform the files are for", Platform.OfEnvironment);
    }

    public override string Usage => "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var source = arguments[0];
        var (name, tag) = ("", "");
        if (arguments.Count > 1)
        {
            Reference.Check(arguments[1]);
            (name, tag, _) = Reference.Split(arguments[1]);
        }
        var isRemote = source.StartsWith("http://", StringComparison.Ordinal) || source.StartsWith("https://", StringComparison.Ordinal);
        var query = new Query().Add("fromSrc", isRemote ? source : "-").Add("repo", name).Add("tag", tag).Add("message", message.Value).Add("platform", platform.Value.ToLowerInvariant()).AddAll("changes", change.Values);
        await using var file = isRemote ? null : InputFile.Open(cli, source == "-" ? "" : source, "refusing to read an archive from a terminal");
        await using var response = await cli.Api.SendAsync(new ApiRequest("POST", $"/images/create{query}") { BodyStream = file, Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken);
        await ProgressDisplay.For(cli, cli.Out, 1).RunAsync(response.Body, cancellationToken);
        return 0;
    }
}
