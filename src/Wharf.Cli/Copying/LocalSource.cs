using System.Formats.Tar;
using System.IO.Pipelines;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Copying;

/// <summary>A local file or directory on its way into a container.</summary>
internal sealed class LocalSource
{
    private readonly string path;

    private LocalSource(string path, CopySource source)
    {
        this.path = path;
        Source = source;
    }

    public CopySource Source { get; }

    public static LocalSource Read(string text, bool followsLink)
    {
        var clean = CopyPath.Clean(text);
        var plain = clean.EndsWith("/.", StringComparison.Ordinal) ? clean[..^2] is "" ? "/" : clean[..^2] : clean.Length > 1 ? clean.TrimEnd('/') : clean;
        var info = new FileInfo(plain);
        string? rebaseName = null;
        if (info.LinkTarget is not null && (followsLink || CopyPath.SaysDirectory(clean)))
        {
            rebaseName = CopyPath.Split(clean).Name is "." ? null : info.Name;
            plain = info.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? throw Missing(text);
        }
        var isLink = new FileInfo(plain).LinkTarget is not null;
        var isDirectory = !isLink && Directory.Exists(plain);
        if (!isLink && !isDirectory && !File.Exists(plain)) throw Missing(text);
        if (!isDirectory && CopyPath.SaysDirectory(clean)) throw new CliException("not a directory");
        var name = CopyPath.SaysDirectory(clean) && clean.EndsWith('.') ? clean : plain;
        return new LocalSource(plain, new CopySource(rebaseName is null ? name : clean, isDirectory, null));
    }

    private static CliException Missing(string text) => new($"lstat {Path.GetFullPath(text)}: no such file or directory");

    /// <summary>Writes the archive with names as the plan has them.</summary>
    public async Task PackAsync(PipeWriter output, CopyPlan plan, CancellationToken cancellationToken)
    {
        try
        {
            await using (var writer = new TarWriter(output.AsStream(leaveOpen: true), TarEntryFormat.Pax, leaveOpen: true))
            {
                var root = CopyPath.Split(Source.Path).Name;
                await PackAsync(writer, path, root == "/" ? "." : root, plan, cancellationToken);
            }
            await output.CompleteAsync();
        }
        catch (Exception e)
        {
            await output.CompleteAsync(e);
            // The upload that reads the pipe fails with it too, and reports it.
            if (e is not IOException) throw;
        }
    }

    private static async Task PackAsync(TarWriter writer, string file, string name, CopyPlan plan, CancellationToken cancellationToken)
    {
        var isDirectory = new FileInfo(file).LinkTarget is null && Directory.Exists(file);
        // Sockets have no place in an archive.
        if (!isDirectory && FileKind.IsSocket(file)) return;
        var renamed = plan.Rename(name);
        await writer.WriteEntryAsync(file, isDirectory ? renamed.TrimEnd('/') + "/" : renamed, cancellationToken);
        if (!isDirectory) return;
        foreach (var child in Directory.EnumerateFileSystemEntries(file).Order(StringComparer.Ordinal))
            await PackAsync(writer, child, $"{name}/{Path.GetFileName(child)}", plan, cancellationToken);
    }
}
