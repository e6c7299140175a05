using Wharf.Cli.CommandLine;
using Wharf.Specs.Errors;

namespace Wharf.Cli.Commands.Images;

/// <summary>Images of directories and archives, written as containers-transports(5) does, for <c>pull</c> and <c>push</c>.</summary>
internal static class TransportPlace
{
    private const string DockerArchive = "docker-archive:", Daemon = "docker-daemon:";

    private static readonly string[] Prefixes = ["oci:", "oci-archive:", DockerArchive, "dir:"];

    /// <summary>What <c>pull</c> and <c>push</c> say of them in their help.</summary>
    public const string Forms = "oci:DIRECTORY[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME] or dir:DIRECTORY";

    /// <summary>Whether a text is a place and no image's name.</summary>
    public static bool Is(string text)
    {
        if (text.StartsWith(Daemon, StringComparison.Ordinal)) throw new CliException($"{text}: another engine's images are copied by \"{CliContext.Program} image scp unix:///run/docker.sock::{text[Daemon.Length..]}\"");
        return Prefixes.Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal));
    }

    /// <summary>Loads the image of a place; prints as last its name in full, or its ID when it has none.</summary>
    public static async Task PullAsync(CliContext cli, string place, string platform, bool quiet, CancellationToken cancellationToken)
    {
        // An archive of docker's, whole, is what an engine loads.
        if (place.StartsWith(DockerArchive, StringComparison.Ordinal) && place[DockerArchive.Length..] is { Length: > 0 } path && !path.Contains(':'))
        {
            await LoadAsync(cli, path, platform, quiet, cancellationToken);
            return;
        }
        var directory = Directory.CreateTempSubdirectory("wharf-pull-");
        try
        {
            var archive = Path.Combine(directory.FullName, "image.tar");
            await ToldAsync(() => cli.Transports.ToArchive(place, archive, platform, cancellationToken));
            await LoadAsync(cli, archive, "", quiet, cancellationToken);
        }
        finally { directory.Delete(recursive: true); }
    }

    private static async Task LoadAsync(CliContext cli, string archive, string platform, bool quiet, CancellationToken cancellationToken)
    {
        const string Name = "Loaded image: ", Id = "Loaded image ID: ";
        await using var file = InputFile.Open(cli, archive, "");
        var loaded = new List<string>();
        await LoadCommand.SendAsync(cli, cli.Api, file, platform, quiet, quiet ? TextWriter.Null : cli.Out, cancellationToken, text =>
        {
            if (text.StartsWith(Name, StringComparison.Ordinal)) loaded.Add(Reference.InFull(text[Name.Length..].Trim()));
            else if (text.StartsWith(Id, StringComparison.Ordinal)) loaded.Add(text[Id.Length..].Trim());
        });
        foreach (var one in loaded) await cli.Out.WriteLineAsync(one);
    }

    /// <summary>Saves an image to a place.</summary>
    public static async Task PushAsync(CliContext cli, string image, string place, string? platform, bool quiet, CancellationToken cancellationToken)
    {
        var query = new ApiClient.Query().Add("names", image).Add("platform", platform);
        await using var saved = await cli.Api.SendAsync(new ApiClient.ApiRequest("GET", $"/images/get{query}"), cancellationToken);
        var told = "";
        await ToldAsync(async () => told = await cli.Transports.FromArchive(saved.Body, image, place, cancellationToken));
        await cli.Out.WriteLineAsync(quiet ? place : told);
    }

    private static async Task ToldAsync(Func<Task> work)
    {
        try { await work(); }
        catch (Exception error) when (error is WharfException or UnauthorizedAccessException) { throw new CliException(error.Message, 1, error); }
    }
}
