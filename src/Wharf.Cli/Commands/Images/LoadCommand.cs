using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf load</c>.</summary>
internal sealed class LoadCommand : Command
{
    private readonly StringFlag input, platform;
    private readonly BoolFlag quiet;

    public LoadCommand()
    {
        input = Flags.String("input", 'i', "File to read, in place of stdin");
        platform = Flags.String("platform", "Load only this platform's variant (os[/arch[/variant]])");
        quiet = Flags.Bool("quiet", 'q', "Do not show the progress");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var file = InputFile.Open(cli, input.Value, "requested load from stdin, but stdin is empty");
        await SendAsync(cli, cli.Api, file, platform.Value, quiet, cli.Out, cancellationToken);
        return 0;
    }

    /// <summary>Loads an archive into an engine and shows what it says. <paramref name="onText"/> gets the lines that name what was loaded.</summary>
    internal static async Task SendAsync(CliContext cli, DockerClient engine, Stream archive, string platform, bool quiet, TextWriter output, CancellationToken cancellationToken, Action<string>? onText = null)
    {
        var query = new Query().Add("platform", Platform.ToJson(platform, "invalid platform: "));
        // Without a terminal to show bars on, the daemon need not send them.
        query.Add("quiet", quiet || !Terminal.IsTerminal(1) ? "1" : "0");
        var request = new ApiRequest("POST", $"/images/load{query}") { BodyStream = archive, Headers = [new("Content-Type", "application/x-tar")] };
        await using var response = await engine.SendAsync(request, cancellationToken);
        if (response.Head["Content-Type"]?.StartsWith("application/json", StringComparison.Ordinal) == true) await ProgressDisplay.For(cli, output, 1, onText: onText).RunAsync(response.Body, cancellationToken);
        else await response.Body.CopyToAsync(cli.OutputStream, cancellationToken);
    }
}
