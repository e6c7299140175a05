using Wharf.Engine.Content;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>Tar in and out of a container's root, jailed by the kernel (SECURITY invariants 1, 4, 9): <c>docker cp</c>, <c>export</c>, build contexts.</summary>
public static class ArchiveService
{
    private static readonly Limits Limits = new();

    /// <summary>Writes a whole root file system as tar (<c>docker export</c>). Does not cross into other mounts.</summary>
    public static async Task WriteRootAsync(Fd root, Stream output, CancellationToken cancellation)
    {
        var tar = new TarWriter(output);
        await new TreeWriter(tar, new TreeWriterOptions()).WriteChildrenAsync(root, [], cancellation).ConfigureAwait(false);
        await tar.FinishAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>The stat of <paramref name="path"/> under <paramref name="root"/> as the archive endpoints' header tells it. NotFound when it is not there.</summary>
    public static ArchiveStat Stat(Fd root, string path)
    {
        using var place = ArchivePlace.Find(root, path);
        return new ArchiveStat(place.EntryName, place.Stat.Size, ArchivePlace.GoMode(place.Stat.Mode), ArchivePlace.Time(place.Stat), place.LinkTarget(root));
    }

    /// <summary>
    /// Writes one file or directory as tar whose first name is the path's last element, with what is mounted below; the kernel's own file systems
    /// (/proc, /sys) and /dev only where the path leads into them.
    /// </summary>
    public static async Task WritePathAsync(Fd root, string path, Stream output, CancellationToken cancellation)
    {
        using var place = ArchivePlace.Find(root, path);
        var tar = new TarWriter(output);
        using var dev = OpenAt.TryInRoot(root, "/dev", O.PATH, 0, Resolve.None, out _);
        ulong devices = dev is null ? 0 : FileStat.Of(dev).MountId;
        await new TreeWriter(tar, new TreeWriterOptions { CrossMounts = true, PassOver = mounted => FileSystemType.IsOfKernel(mounted) || FileStat.Of(mounted).MountId == devices })
            .WriteNameAsync(place.Parent, place.Name, System.Text.Encoding.UTF8.GetBytes(place.EntryName), cancellation).ConfigureAwait(false);
        await tar.FinishAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Extracts a tar (plain or compressed) into the directory <paramref name="path"/> under <paramref name="root"/>, which must be there.
    /// Nothing is written outside of that directory.
    /// </summary>
    public static async Task ExtractAsync(Fd root, string path, Stream tar, ArchiveExtractOptions options, CancellationToken cancellation)
    {
        var clean = ArchivePlace.Clean(path);
        int fd = FileAt.OpenInRoot(root.Value, ArchivePlace.Bytes(clean), O.PATH | O.DIRECTORY);
        if (fd == -Errno.ENOENT) throw ArchivePlace.NotFound(path);
        if (fd == -Errno.ENOTDIR) throw WharfException.Invalid("extraction point is not a directory");
        using var destination = new Fd(FileAt.Check(fd, "openat2", ArchivePlace.Bytes(clean)));
        // No decompressor of the container's is ever used (CVE-2026-41567): formats are the engine's own.
        await using var plain = await Compression.OpenAsync(tar, Limits.MaxDecompressionRatio, cancellation).ConfigureAwait(false);
        using var extractor = new SafeExtractor(destination, new SafeExtractorOptions
        {
            Limits = Limits, NoOverwriteDirNonDir = options.NoOverwriteDirNonDir, Beneath = clean != "/",
            Owner = options is { CopyUidGid: true, Uid: { } uid, Gid: { } gid } ? (uid, gid) : null,
        });
        var reader = new TarReader(plain, Limits);
        await extractor.ExtractAsync(reader, cancellation).ConfigureAwait(false);
        await reader.DrainAsync(cancellation).ConfigureAwait(false);
    }
}

/// <summary>The X-Docker-Container-Path-Stat header; <see cref="Mode"/> has Go's os.FileMode bits.</summary>
public sealed record ArchiveStat(string Name, long Size, uint Mode, string Mtime, string LinkTarget);

/// <summary>How an archive is put in place.</summary>
public sealed record ArchiveExtractOptions
{
    public bool NoOverwriteDirNonDir { get; init; }
    /// <summary>
    /// Gives all to <see cref="Uid"/> and <see cref="Gid"/>, the container's user; off, or when they are not set, the archive's owners stay. That is what
    /// dockerd does with <c>copyUIDGID</c> (the CLI's <c>cp -a</c>), though its name and help say otherwise.
    /// </summary>
    public bool CopyUidGid { get; init; }
    public uint? Uid { get; init; }
    public uint? Gid { get; init; }
}
