using Wharf.Linux.Fds;

namespace Wharf.Engine.Build;

/// <summary>The files a build may copy from: a directory of the daemon's own that the client's files were put into.</summary>
public sealed class BuildContext(string path, IReadOnlySet<string> excluded) : IDisposable
{
    /// <summary>The directory on the host.</summary>
    public string Path { get; } = path;

    public Fd Root { get; } = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);

    /// <summary>Files that came along but are no part of the context (an ignored Dockerfile), by path without a leading slash.</summary>
    public IReadOnlySet<string> Excluded { get; } = excluded;

    public void Dispose() => Root.Dispose();
}
