using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image scp</c>: what one engine saves is what the other loads, with no registry and no file between.</summary>
internal sealed class SecureCopyCommand : Command
{
    private readonly StringFlag platform;
    private readonly BoolFlag quiet;

    public SecureCopyCommand()
    {
        platform = Flags.String("platform", "Copy only this platform's variant (os[/arch[/variant]])");
        quiet = Flags.Bool("quiet", 'q', "Show nothing");
    }

    public override string Usage => "[OPTIONS] [HOST::]IMAGE [HOST::[IMAGE]]";
    public override string Details => "HOST is a context, [USER@]NAME[:PORT] for ssh, or an address such as ssh://me@host or unix:///run/docker.sock.\nWithout HOST:: it is the engine that other commands would talk to.";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var from = ImagePlace.Parse(arguments[0]);
        var to = arguments.Count == 2 ? ImagePlace.Parse(arguments[1]) : new ImagePlace("", "");
        if (from.Image == "") throw new CliException($"{arguments[0]} names no image");
        if (arguments.Count == 2 && to.Host == "") throw new CliException($"{arguments[1]} names no host: write HOST:: for another engine");
        if (from.Host == to.Host) throw new CliException("source and destination are the same engine: use tag");
        if (to.Image != "") Reference.Check(to.Image);
        await using var source = from.Connect(cli);
        await using var target = to.Connect(cli);
        if (to.Image == "")
        {
            await CopyAsync(cli, source, target, from.Image, cancellationToken);
            return 0;
        }
        // By its ID an image comes without its names: no name that the destination has changes its meaning.
        var id = await IdAsync(source, from.Image, cancellationToken);
        var loaded = await CopyAsync(cli, source, target, id, cancellationToken) ?? id;
        var (name, tag, _) = Reference.Split(Reference.WithTag(to.Image));
        await target.PostAsync($"/images/{Reference.Escape(loaded)}/tag{new Query().Add("repo", name).Add("tag", tag)}", cancellationToken);
        if (!quiet) await cli.Out.WriteLineAsync($"Tagged: {name}:{tag}");
        return 0;
    }

    private Query Selecting => new Query().Add("platform", Platform.ToJson(platform.Value, "invalid platform: "));

    private async Task<string> IdAsync(DockerClient source, string image, CancellationToken cancellationToken) =>
        (await source.GetElementAsync($"/images/{Reference.Escape(image)}/json{Selecting}", cancellationToken)).GetProperty("Id").GetString() ?? throw new IOException("the image has no ID");

    /// <summary>Gives the ID that the destination tells of an image without names.</summary>
    private async Task<string?> CopyAsync(CliContext cli, DockerClient source, DockerClient target, string image, CancellationToken cancellationToken)
    {
        const string Told = "Loaded image ID: ";
        string? loaded = null;
        await using var saved = await source.SendAsync(new ApiRequest("GET", $"/images/get{Selecting.Add("names", image)}"), cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var archive = new WatchedStream(saved.Body, stop.Cancel);
        try
        {
            await LoadCommand.SendAsync(cli, target, archive, platform.Value, quiet, quiet ? TextWriter.Null : cli.Out, stop.Token, text => loaded = text.StartsWith(Told, StringComparison.Ordinal) ? text[Told.Length..].Trim() : loaded);
        }
        catch (OperationCanceledException error) when (archive.Failure is { } failure && !cancellationToken.IsCancellationRequested)
        {
            throw new CliException($"reading {image} from {source.Host.Text}: {failure.Message}", 1, error);
        }
        return loaded;
    }
}
