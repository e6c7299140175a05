using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build;

/// <summary>Contexts that come as archives.</summary>
public sealed partial class BuildService
{
    private const string IgnoreFile = ".dockerignore";

    /// <summary>Unpacks an archive (plain or compressed) as a build's context. Nothing of it gets outside its directory, whatever it holds.</summary>
    public static async Task UnpackContextAsync(string directory, Stream archive, CancellationToken cancellation)
    {
        using var root = OpenAt.Open(directory, O.PATH | O.DIRECTORY);
        await ArchiveService.ExtractAsync(root, "/", archive, new ArchiveExtractOptions(), cancellation);
    }

    /// <summary>
    /// Fetches a context: a git repository, an archive, or the text of a Dockerfile that needs no files. Gives the time of its last change: the commit's, the
    /// server's <c>Last-Modified</c>, or that of the newest file; null when nothing tells it.
    /// </summary>
    public static async Task<DateTimeOffset?> FetchContextAsync(string directory, string address, CancellationToken cancellation)
    {
        if (GitSource.IsGit(address))
        {
            return (await GitSource.Parse(address).CheckOutAsync(directory, keepGitDirectory: false, sshAgent: null, cancellation)).Time;
        }
        if (!Solving.AddStep.IsRemote(address)) throw WharfException.Invalid($"remoteURL ({RemoteAddress.Redacted(address)}) could not be recognized as URL");
        var fetched = Path.Combine(directory, ".fetched");
        string file;
        try { file = await Solving.AddStep.FetchAsync(address, null, fetched, cancellation); }
        catch (HttpRequestException error) { throw new WharfException(ErrorKind.Internal, $"error downloading remote context {RemoteAddress.Redacted(address)}: {Images.Registry.RegistryConnection.Describe(error, "Get", new Uri(address)).Message}", error); }
        var changed = Solving.AddStep.Changed(file);
        bool isArchive;
        await using (var content = File.OpenRead(file)) isArchive = await UnpackOrDockerfileAsync(directory, content, cancellation);
        Directory.Delete(fetched, recursive: true);
        return changed ?? (isArchive ? NewestFile(directory) : null);
    }

    private static DateTimeOffset? NewestFile(string directory)
    {
        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        return new DirectoryInfo(directory).EnumerateFiles("*", all).Select(static file => (DateTimeOffset?)file.LastWriteTimeUtc).Max();
    }

    /// <summary>When what an address leads to was changed last: as with a context, that of an archive's newest file where the server tells no time.</summary>
    private async Task<DateTimeOffset?> AddressTimeAsync(BuildRequest request, string address, string? checksum, CancellationToken cancellation)
    {
        var directory = MakeContextDirectory();
        try
        {
            if (await Solving.AddStep.FetchAsync(request, address, checksum, keepGitDirectory: false, directory, cancellation) is { } time) return time;
            await using var content = File.OpenRead(Directory.EnumerateFiles(directory).Single());
            return await NewestMemberAsync(content, cancellation);
        }
        finally { RemoveContext(directory); }
    }

    /// <summary>The time of the newest file of an archive; null for what is no archive.</summary>
    private async Task<DateTimeOffset?> NewestMemberAsync(Stream content, CancellationToken cancellation)
    {
        try
        {
            await using var plain = await Content.Compression.OpenAsync(content, _options.Limits.MaxDecompressionRatio, cancellation);
            var tar = new TarReader(plain, _options.Limits);
            DateTimeOffset? newest = null;
            while (await tar.ReadNextAsync(cancellation) is { } entry)
                if (entry.Type is TarType.File or TarType.OldFile && DateTimeOffset.FromUnixTimeSeconds(entry.ModifiedSeconds) is var time && !(time < newest)) newest = time;
            return newest;
        }
        catch (Exception error) when (error is InvalidDataException or WharfException or ZstdSharp.ZstdException)
        {
            // Not an archive, then: nothing tells when it was made.
            return null;
        }
    }

    /// <summary>Takes a context that may be an archive or only a Dockerfile; gives whether it was an archive.</summary>
    public static async Task<bool> UnpackOrDockerfileAsync(string directory, Stream content, CancellationToken cancellation)
    {
        var head = new byte[512];
        int length = await content.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation);
        await using var whole = new HeadedStream(head.AsMemory(0, length), content);
        bool text = !head.AsSpan(0, length).Contains((byte)0) && Encoding.UTF8.GetString(head.AsSpan(0, length)).AsSpan().TrimEnd('\uFFFD').IndexOf('\uFFFD') < 0;
        if (!text)
        {
            await UnpackContextAsync(directory, whole, cancellation);
            return true;
        }
        await using var file = File.Create(Path.Combine(directory, "Dockerfile"));
        await whole.CopyToAsync(file, cancellation);
        return false;
    }

    /// <summary>Reads the Dockerfile of a context and tells what of the context is only there for the builder to read.</summary>
    public (string Text, BuildContext Context) OpenContext(string directory, string dockerfile)
    {
        using var root = OpenAt.Open(directory, O.PATH | O.DIRECTORY);
        var name = dockerfile.Length == 0 ? "Dockerfile" : dockerfile;
        if (!name.StartsWith('/') && LeadsOut(name)) throw WharfException.Invalid($"forbidden path outside the build context: {name} ()");
        string? text;
        try { text = ReadText(root, name) ?? (dockerfile is "" or "Dockerfile" ? ReadText(root, "dockerfile") : null); }
        catch (WharfException error) { throw WharfException.Invalid($"unexpected error reading Dockerfile: {error.Message}", error); }
        if (text is null) throw WharfException.Invalid($"Cannot locate specified Dockerfile: {name}");
        if (text.Length == 0) throw WharfException.Invalid($"the Dockerfile ({name}) cannot be empty");
        return (text, new BuildContext(directory, RemoveIgnored(root, ArchivePlace.Clean(name)[1..])));
    }

    /// <summary>Whether a relative path, taken as written, goes above where it starts.</summary>
    internal static bool LeadsOut(string path)
    {
        int depth = 0;
        foreach (var part in path.Split('/'))
        {
            if (part is "" or ".") continue;
            depth += part == ".." ? -1 : 1;
            if (depth < 0) return true;
        }
        return false;
    }

    /// <summary>The client sends the Dockerfile and the ignore file even where the latter says not to copy them: read, they are removed. Gives what could not be.</summary>
    private HashSet<string> RemoveIgnored(Fd root, string dockerfile)
    {
        var excluded = new HashSet<string>(StringComparer.Ordinal);
        if (ReadText(root, dockerfile + IgnoreFile) is not { } text && (text = ReadText(root, IgnoreFile)) is null) return excluded;
        var patterns = IgnorePatterns.Parse(text.Split('\n'));
        foreach (var name in new[] { IgnoreFile, dockerfile, dockerfile + IgnoreFile })
            if (patterns.Excludes(name) && !Unlink(root, name)) excluded.Add(name);
        return excluded;
    }

    private static bool Unlink(Fd root, string path)
    {
        int slash = path.LastIndexOf('/');
        int parent = FileAt.OpenBeneath(root.Value, Encoding.UTF8.GetBytes(slash < 0 ? "." : path[..slash]), O.PATH | O.DIRECTORY, Resolve.NoSymlinks);
        if (parent < 0) return false;
        using var directory = new Fd(parent);
        return FileAt.Unlink(directory.Value, Encoding.UTF8.GetBytes(path[(slash + 1)..]), isDirectory: false) >= 0;
    }

    /// <summary>The text of a file of a context; null when there is none of that name.</summary>
    public string? ReadText(Fd root, string name)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(ArchivePlace.Clean(name)), O.RDONLY | O.NONBLOCK);
        if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP) return null;
        using var file = new Fd(FileAt.Check(fd, "openat2", Encoding.UTF8.GetBytes(name)));
        var stat = FileStat.Of(file);
        if (!stat.IsRegular) throw WharfException.Invalid(stat.IsDirectory ? $"read {name}: is a directory" : $"{name} is not a regular file");
        if (stat.Size > _options.Limits.MaxDockerfile) throw WharfException.Invalid($"{name} is larger than {_options.Limits.MaxDockerfile} bytes");
        return File.ReadAllText(file.ProcPath);
    }
}
