using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Building.Sessions;

/// <summary>Where a result goes: a directory, or a stream made when it comes.</summary>
/// <param name="Deletes">What the directory has and the result has not is removed.</param>
internal sealed record ResultTarget(string? Directory, Func<Stream>? Open, bool Deletes = false);

/// <summary>All that a build offers its builder.</summary>
internal sealed class SessionOffer
{
    /// <summary>Directories by the names that the builder asks for.</summary>
    public Dictionary<string, string> Directories { get; } = new(StringComparer.Ordinal);
    /// <summary>Where results go, by the number of their output.</summary>
    public Dictionary<int, ResultTarget> Targets { get; } = [];
    /// <summary>Values of secrets by ID, read when they are asked for.</summary>
    public Dictionary<string, Func<byte[]>> Secrets { get; } = new(StringComparer.Ordinal);
    /// <summary>Sockets of SSH agents by ID.</summary>
    public Dictionary<string, string> Agents { get; } = new(StringComparer.Ordinal);
    /// <summary>Directories of blobs by the names that the builder asks for.</summary>
    public Dictionary<string, string> Stores { get; } = new(StringComparer.Ordinal);
    /// <summary>What came by standard input, under an address of the session.</summary>
    public Stream? Input { get; set; }
    public required Func<string, CancellationToken, Task<AuthConfig?>> Credentials { get; init; }

    /// <summary>The calls that the builder may make: it asks nothing else.</summary>
    public IEnumerable<string> Methods
    {
        get
        {
            yield return "/grpc.health.v1.Health/Check";
            yield return "/moby.filesync.v1.Auth/Credentials";
            if (Directories.Count > 0) yield return "/moby.filesync.v1.FileSync/DiffCopy";
            if (Targets.Count > 0) yield return "/moby.filesync.v1.FileSend/DiffCopy";
            if (Secrets.Count > 0) yield return "/moby.buildkit.secrets.v1.Secrets/GetSecret";
            if (Input is not null) yield return "/moby.upload.v1.Upload/Pull";
            if (Agents.Count > 0)
            {
                yield return "/moby.sshforward.v1.SSH/CheckAgent";
                yield return "/moby.sshforward.v1.SSH/ForwardAgent";
            }
            if (Stores.Count > 0)
                foreach (var method in new[] { "Info", "Read", "Write" }) yield return "/containerd.services.content.v1.Content/" + method;
        }
    }
}
