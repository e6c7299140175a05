using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Infra;

/// <summary>Brings <see cref="PauseProgram"/> to a daemon: into a container, or as an image.</summary>
internal static class PauseProgramUpload
{
    /// <summary>The image of nothing but the program.</summary>
    public const string Image = "wharf-pause:1";

    public static async Task PutAsync(CliContext cli, string container, CancellationToken cancellationToken)
    {
        var archive = await ArchiveAsync(cli, cancellationToken);
        await using var response = await cli.Api.SendAsync(new ApiRequest("PUT", $"/containers/{container}/archive?path=/") { Body = archive, Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken);
        await response.ReadAllAsync(cancellationToken);
    }

    /// <summary>Makes <see cref="Image"/> where it is not.</summary>
    public static async Task EnsureImageAsync(CliContext cli, CancellationToken cancellationToken)
    {
        if (await Commands.Images.PullPolicy.IsHereAsync(cli, Image, cancellationToken)) return;
        var (name, tag, _) = Commands.Reference.Split(Image);
        var query = new Query().Add("fromSrc", "-").Add("repo", name).Add("tag", tag).Add("message", "nothing but a program that waits").Add("changes", $"ENTRYPOINT [\"{PauseProgram.Path}\"]");
        await using var response = await cli.Api.SendAsync(new ApiRequest("POST", $"/images/create{query}") { Body = await ArchiveAsync(cli, cancellationToken), Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken);
        await response.ReadAllAsync(cancellationToken);
    }

    private static async Task<byte[]> ArchiveAsync(CliContext cli, CancellationToken cancellationToken)
    {
        var version = await cli.Api.GetAsync("/version", DockerApiJson.Default.SystemVersion, cancellationToken);
        try
        {
            return PauseProgram.Archive(version.Arch ?? "");
        }
        catch (NotSupportedException e)
        {
            throw new CliException(e.Message, 1, e);
        }
    }
}
