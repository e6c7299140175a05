using System.Formats.Tar;
using System.Text;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Copying;
using Wharf.Specs.Build;

namespace Wharf.Cli.Building;

/// <summary>What a build sends: a directory, a Dockerfile alone, a ready archive, or an address the daemon fetches.</summary>
internal sealed record BuildContext
{
    /// <summary>Writes the archive; null when the daemon fetches <see cref="Remote"/> itself.</summary>
    public Func<Stream, CancellationToken, Task>? Write { get; init; }
    public string Remote { get; init; } = "";
    /// <summary>The Dockerfile's name inside the archive.</summary>
    public string Dockerfile { get; init; } = "";

    public static async Task<BuildContext> OpenAsync(string source, string dockerfile, Stream input, CancellationToken cancellationToken)
    {
        if (source == "-") return await FromInputAsync(dockerfile, input, cancellationToken);
        if (IsRemote(source))
        {
            if (dockerfile == "-") throw new CliException("Dockerfile from stdin is not supported with a remote context");
            return new BuildContext { Remote = source, Dockerfile = dockerfile };
        }
        if (!Directory.Exists(source)) throw new CliException(File.Exists(source) ? $"unable to prepare context: context must be a directory: {Path.GetFullPath(source)}" : $"unable to prepare context: path {Output.Quoting.Quote(source)} not found");
        return await FromDirectoryAsync(Path.GetFullPath(source), dockerfile, input, cancellationToken);
    }

    internal static bool IsRemote(string source)
        => source.StartsWith("http://", StringComparison.Ordinal) || source.StartsWith("https://", StringComparison.Ordinal) || source.StartsWith("git://", StringComparison.Ordinal)
            || source.StartsWith("git@", StringComparison.Ordinal) || (source.StartsWith("github.com/", StringComparison.Ordinal) && !Directory.Exists(source));

    /// <summary>An archive, packed or not, is sent as it is; anything else on stdin is a Dockerfile.</summary>
    private static async Task<BuildContext> FromInputAsync(string dockerfile, Stream input, CancellationToken cancellationToken)
    {
        if (dockerfile == "-") throw new CliException("invalid argument: can't use stdin for both build context and dockerfile");
        var head = new byte[512];
        var length = await input.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        if (IsArchive(head.AsSpan(0, length)))
        {
            return new BuildContext
            {
                Dockerfile = dockerfile,
                Write = async (output, cancel) =>
                {
                    await output.WriteAsync(head.AsMemory(0, length), cancel);
                    await input.CopyToAsync(output, cancel);
                },
            };
        }
        using var content = new MemoryStream();
        content.Write(head, 0, length);
        await input.CopyToAsync(content, cancellationToken);
        var bytes = content.ToArray();
        return new BuildContext { Dockerfile = "Dockerfile", Write = (output, cancel) => WriteFilesAsync(output, [("Dockerfile", bytes)], null, null, cancel) };
    }

    internal static bool IsArchive(ReadOnlySpan<byte> head)
        => head is [0x1f, 0x8b, ..] or [(byte)'B', (byte)'Z', (byte)'h', ..] or [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] or [0x28, 0xb5, 0x2f, 0xfd, ..]
            || (head.Length >= 262 && head[257..262].SequenceEqual("ustar"u8));

    private static async Task<BuildContext> FromDirectoryAsync(string root, string dockerfile, Stream input, CancellationToken cancellationToken)
    {
        var extra = new List<(string, byte[])>();
        string name;
        var ignores = new IgnoreText(Path.Combine(root, IgnoreFile));
        if (dockerfile == "-")
        {
            using var content = new MemoryStream();
            await input.CopyToAsync(content, cancellationToken);
            name = UniqueName();
            extra.AddRange([(name, content.ToArray()), ignores.For(name)]);
        }
        else
        {
            var path = dockerfile == "" ? Path.Combine(root, "Dockerfile") : Path.GetFullPath(dockerfile);
            if (dockerfile != "" && !File.Exists(path) && File.Exists(Path.Combine(root, dockerfile))) path = Path.Combine(root, dockerfile);
            if (!File.Exists(path)) throw new CliException($"unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat {path}: no such file or directory");
            name = Path.GetRelativePath(root, path);
            if (File.Exists(path + IgnoreFile)) ignores = new IgnoreText(path + IgnoreFile);
            if (name.StartsWith("../", StringComparison.Ordinal))
            {
                // A Dockerfile elsewhere travels under a name of its own.
                name = UniqueName();
                extra.AddRange([(name, await File.ReadAllBytesAsync(path, cancellationToken)), ignores.For(name)]);
            }
        }
        // The daemon needs both even when they are ignored; it applies the patterns again itself.
        var patterns = ignores.Patterns;
        foreach (var needed in new[] { IgnoreFile, name, name + IgnoreFile }) patterns?.Add("!" + needed);
        return new BuildContext { Dockerfile = name, Write = (output, cancel) => WriteFilesAsync(output, extra, root, patterns, cancel) };
    }

    private static string UniqueName() => $".dockerfile.{Guid.NewGuid().ToString("n")[..20]}";

    private const string IgnoreFile = ".dockerignore";

    /// <summary>An ignore file, which may not exist.</summary>
    private sealed class IgnoreText(string path)
    {
        private readonly string[]? _lines = File.Exists(path) ? File.ReadAllLines(path) : null;

        public IgnorePatterns? Patterns => _lines is null ? null : IgnorePatterns.Parse(_lines);

        /// <summary>What tells the daemon that a Dockerfile which only travels along is no part of the context.</summary>
        public (string Name, byte[] Content) For(string dockerfile)
            => (dockerfile + IgnoreFile, Encoding.UTF8.GetBytes(string.Join('\n', [.. _lines ?? [], dockerfile, dockerfile + IgnoreFile]) + "\n"));
    }

    private static async Task WriteFilesAsync(Stream output, IReadOnlyList<(string Name, byte[] Content)> extra, string? root, IgnorePatterns? ignores, CancellationToken cancellationToken)
    {
        await using var writer = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        if (root is not null)
        {
            foreach (var child in Children(root)) await WriteAsync(writer, root, child, ignores, cancellationToken);
        }
        foreach (var (name, content) in extra)
        {
            var entry = Entry(TarEntryType.RegularFile, name, "", (UnixFileMode)0b110_000_000, DateTime.UtcNow, content.Length);
            entry.DataStream = new MemoryStream(content);
            await writer.WriteEntryAsync(entry, cancellationToken);
        }
    }

    private static IEnumerable<string> Children(string directory) => Directory.EnumerateFileSystemEntries(directory).Order(StringComparer.Ordinal);

    /// <summary>Owners are left out (root's): who builds must not change what is built.</summary>
    private static async Task WriteAsync(TarWriter writer, string root, string file, IgnorePatterns? ignores, CancellationToken cancellationToken)
    {
        var name = Path.GetRelativePath(root, file);
        var info = new FileInfo(file);
        var isDirectory = info.LinkTarget is null && Directory.Exists(file);
        var isExcluded = ignores?.Excludes(name) == true;
        if (isExcluded && !(isDirectory && ignores!.MayHoldException(name))) return;
        if (!isExcluded) await WriteEntryAsync(writer, info, isDirectory, name, cancellationToken);
        if (!isDirectory) return;
        foreach (var child in Children(file)) await WriteAsync(writer, root, child, ignores, cancellationToken);
    }

    private static async Task WriteEntryAsync(TarWriter writer, FileInfo info, bool isDirectory, string name, CancellationToken cancellationToken)
    {
        if (info.LinkTarget is { } link)
        {
            await writer.WriteEntryAsync(Entry(TarEntryType.SymbolicLink, name, link, (UnixFileMode)0b111_111_111, info.LastWriteTimeUtc, 0), cancellationToken);
            return;
        }
        var mode = File.GetUnixFileMode(info.FullName);
        if (isDirectory)
        {
            await writer.WriteEntryAsync(Entry(TarEntryType.Directory, name + "/", "", mode, info.LastWriteTimeUtc, 0), cancellationToken);
            return;
        }
        if (FileKind.IsSocket(info.FullName)) return;
        if (!FileKind.IsRegular(info.FullName))
        {
            await writer.WriteEntryAsync(info.FullName, name, cancellationToken);
            return;
        }
        await using var content = OpenForReading(info.FullName, name);
        var entry = Entry(TarEntryType.RegularFile, name, "", mode, info.LastWriteTimeUtc, content.Length);
        entry.DataStream = content;
        await writer.WriteEntryAsync(entry, cancellationToken);
    }

    /// <summary>The short ustar form where it can hold the entry: a pax header would cost a kilobyte for each file.</summary>
    private static TarEntry Entry(TarEntryType type, string name, string link, UnixFileMode mode, DateTime time, long size)
    {
        const int longest = 100;
        var isShort = Ascii.IsValid(name) && Ascii.IsValid(link) && name.Length < longest && link.Length < longest && size < 1L << 33;
        TarEntry entry = isShort ? new UstarTarEntry(type, name) : new PaxTarEntry(type, name);
        entry.Mode = mode;
        entry.ModificationTime = new DateTime(time.Ticks - time.Ticks % TimeSpan.TicksPerSecond, DateTimeKind.Utc);
        if (link != "") entry.LinkName = link;
        return entry;
    }

    private static FileStream OpenForReading(string path, string name)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 64 * 1024);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CliException($"error checking context: no permission to read from '{name}'", 1, e);
        }
    }
}
