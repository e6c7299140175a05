using System.Formats.Tar;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Copying;

/// <summary>
/// Unpacks an archive from a container here. The container may be hostile (CVE-2018-15664 and its kin): no name may lead out of the
/// destination, no link below it is followed, and a link in the way of a file is replaced.
/// </summary>
internal sealed class LocalExtraction(CopyPlan plan)
{
    private readonly string root = Path.GetFullPath(plan.Directory);
    private readonly List<(string Path, UnixFileMode Mode, DateTimeOffset Time)> directories = [];

    public async Task RunAsync(Stream archive, CancellationToken cancellationToken)
    {
        await using var reader = new TarReader(archive, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            if (entry.EntryType is TarEntryType.GlobalExtendedAttributes) continue;
            await ExtractAsync(entry, cancellationToken);
        }
        // Last and inside out: a directory without write permission could not have been filled, and filling it changes its time.
        foreach (var (path, mode, time) in Enumerable.Reverse(directories))
        {
            File.SetUnixFileMode(path, mode);
            Directory.SetLastWriteTimeUtc(path, time.UtcDateTime);
        }
    }

    private async Task ExtractAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        var path = Resolve(plan.Rename(entry.Name));
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                if (path != root && (!Directory.Exists(path) || IsLink(path)))
                {
                    if (File.Exists(path) || IsLink(path)) throw new CliException($"cannot overwrite non-directory {Output.Quoting.Quote(path)} with directory");
                    Directory.CreateDirectory(path);
                }
                if (path != root) directories.Add((path, entry.Mode, entry.ModificationTime));
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                MakeRoom(path);
                await WriteAsync(entry, path, cancellationToken);
                break;
            case TarEntryType.SymbolicLink:
                MakeRoom(path);
                File.CreateSymbolicLink(path, entry.LinkName);
                break;
            case TarEntryType.HardLink:
                MakeRoom(path);
                File.Copy(Resolve(plan.Rename(entry.LinkName)), path);
                break;
            case TarEntryType.Fifo or TarEntryType.CharacterDevice or TarEntryType.BlockDevice:
                MakeRoom(path);
                await entry.ExtractToFileAsync(path, overwrite: false, cancellationToken);
                break;
            default:
                throw new CliException($"unhandled tar entry type {entry.EntryType} for {entry.Name}");
        }
    }

    private static async Task WriteAsync(TarEntry entry, string path, CancellationToken cancellationToken)
    {
        await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            if (entry.DataStream is { } data) await data.CopyToAsync(file, cancellationToken);
        }
        // Who copies owns the file, so a set-user-ID bit of root's would become one of theirs: docker keeps it, and so do we.
        File.SetUnixFileMode(path, entry.Mode);
        File.SetLastWriteTimeUtc(path, entry.ModificationTime.UtcDateTime);
    }

    private string Resolve(string name)
    {
        var parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToList();
        if (parts.Contains("..")) throw new CliException($"invalid name in archive: {Output.Quoting.Quote(name)} leads out of the destination");
        var path = root;
        for (var i = 0; i < parts.Count; i++)
        {
            path = Path.Combine(path, parts[i]);
            if (i < parts.Count - 1 && IsLink(path)) throw new CliException($"invalid name in archive: {Output.Quoting.Quote(name)} goes through the symbolic link {Output.Quoting.Quote(path)}");
        }
        if (parts.Count > 1) Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    private static void MakeRoom(string path)
    {
        if (!IsLink(path) && Directory.Exists(path)) throw new CliException($"cannot overwrite directory {Output.Quoting.Quote(path)} with non-directory");
        File.Delete(path);
    }
}
