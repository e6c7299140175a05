using Wharf.Linux.Fds;

namespace Wharf.Engine.Archive;

/// <summary>Tar in and out of a container's root, jailed by the kernel (SECURITY invariants 1, 4, 9): <c>docker cp</c>, <c>export</c>, build contexts.</summary>
public static class ArchiveService
{
    /// <summary>Writes a whole root file system as tar (<c>docker export</c>). Does not cross into other mounts.</summary>
    public static Task WriteRootAsync(Fd root, Stream output, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>The stat of <paramref name="path"/> under <paramref name="root"/> as the archive endpoints' header tells it. NotFound when it is not there.</summary>
    public static ArchiveStat Stat(Fd root, string path) => throw new NotImplementedException();

    /// <summary>Writes one file or directory as tar whose first name is the path's last element.</summary>
    public static Task WritePathAsync(Fd root, string path, Stream output, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Extracts a tar (plain or compressed) into the directory <paramref name="path"/> under <paramref name="root"/>.</summary>
    public static Task ExtractAsync(Fd root, string path, Stream tar, ArchiveExtractOptions options, CancellationToken cancellation) => throw new NotImplementedException();
}

/// <summary>The X-Docker-Container-Path-Stat header; <see cref="Mode"/> has Go's os.FileMode bits.</summary>
public sealed record ArchiveStat(string Name, long Size, uint Mode, string Mtime, string LinkTarget);

/// <summary>How an archive is put in place.</summary>
public sealed record ArchiveExtractOptions
{
    public bool NoOverwriteDirNonDir { get; init; }
    /// <summary>Keep the archive's owners; otherwise all is owned by <see cref="Uid"/> and <see cref="Gid"/>.</summary>
    public bool CopyUidGid { get; init; }
    public uint Uid { get; init; }
    public uint Gid { get; init; }
}
