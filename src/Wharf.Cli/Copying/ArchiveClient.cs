using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Copying;

/// <summary>The archive endpoint of one container.</summary>
internal sealed class ArchiveClient(DockerClient client, string container)
{
    private string Path(string path) => $"/containers/{Uri.EscapeDataString(container)}/archive{new Query().Add("path", path)}";

    public async Task<PathStat?> StatAsync(string path, CancellationToken cancellationToken)
    {
        await using var response = await client.SendAsync(new ApiRequest("HEAD", Path(path)), cancellationToken);
        return PathStat.FromHeader(response.Head);
    }

    public Task<ApiResponse> GetAsync(string path, CancellationToken cancellationToken) => client.SendAsync(new ApiRequest("GET", Path(path)), cancellationToken);

    /// <summary>A link at the end of the destination is followed, so that what it leads to is written and not the link replaced.</summary>
    public async Task<CopyTarget> ResolveTargetAsync(string path, CancellationToken cancellationToken)
    {
        var clean = CopyPath.Clean(path.StartsWith('/') ? path : "/" + path);
        try
        {
            var stat = await StatAsync(clean, cancellationToken);
            if (stat is { IsSymbolicLink: true })
            {
                clean = CopyPath.FollowLink(clean, stat.LinkTarget).Path;
                stat = await StatAsync(clean, cancellationToken);
            }
            if (stat is { IsDirectory: false } && CopyPath.SaysDirectory(clean)) throw new CliException("not a directory");
            return new CopyTarget(clean, stat is not null, stat?.IsDirectory == true);
        }
        catch (ApiException)
        {
            // HEAD carries no message: what is wrong shows when the parent is written to.
            return new CopyTarget(clean, false, false);
        }
    }

    public async Task PutAsync(string directory, Stream archive, bool keepsOwners, CancellationToken cancellationToken)
    {
        var query = new Query().Add("path", directory).Add("noOverwriteDirNonDir", "true").Add("copyUIDGID", keepsOwners ? "true" : null);
        var request = new ApiRequest("PUT", $"/containers/{Uri.EscapeDataString(container)}/archive{query}") { BodyStream = archive, Headers = [new("Content-Type", "application/x-tar")] };
        await using var response = await client.SendAsync(request, cancellationToken);
        await response.ReadAllAsync(cancellationToken);
    }
}
