using Wharf.Cli.Building.Sessions;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Building;

/// <summary>Where a build's files come from, told to the builder and offered in the session: the context, the Dockerfile, other contexts.</summary>
internal sealed class BuildInputs(SessionOffer offer, IDictionary<string, string> attributes) : IDisposable
{
    private const string ContextName = "context", DockerfileName = "dockerfile", DefaultFile = "Dockerfile";
    private readonly List<string> temporary = [];

    /// <summary>What names the files from build to build: the context's directory or address.</summary>
    public string Origin { get; private set; } = "";

    /// <summary>Takes the context that the command names.</summary>
    public async Task AddContextAsync(string source, string file, Stream input, CancellationToken cancellationToken)
    {
        Origin = source;
        if (source == "-")
        {
            await AddInputAsync(file, input, cancellationToken);
            return;
        }
        if (BuildContext.IsRemote(source))
        {
            attributes["context"] = source;
            if (file == "-") await AddDockerfileTextAsync(input, cancellationToken);
            else attributes["filename"] = file == "" ? DefaultFile : file;
            if (file == "-") attributes["dockerfilekey"] = DockerfileName;
            return;
        }
        if (!Directory.Exists(source)) throw new CliException(File.Exists(source) ? $"unable to prepare context: context must be a directory: {Path.GetFullPath(source)}" : $"unable to prepare context: path {Output.Quoting.Quote(source)} not found");
        Origin = Path.GetFullPath(source);
        offer.Directories[ContextName] = Origin;
        if (file == "-") await AddDockerfileTextAsync(input, cancellationToken);
        else AddDockerfile(file);
    }

    private void AddDockerfile(string file)
    {
        var path = file == "" ? Path.Combine(Origin, DefaultFile) : Path.GetFullPath(file);
        if (file != "" && !File.Exists(path) && File.Exists(Path.Combine(Origin, file))) path = Path.Combine(Origin, file);
        if (file == "" && !File.Exists(path) && File.Exists(Path.Combine(Origin, "dockerfile"))) path = Path.Combine(Origin, "dockerfile");
        offer.Directories[DockerfileName] = Path.GetDirectoryName(path)!;
        attributes["filename"] = Path.GetFileName(path);
    }

    private async Task AddDockerfileTextAsync(Stream input, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("wharf-dockerfile-").FullName;
        temporary.Add(directory);
        await using (var file = File.Create(Path.Combine(directory, DefaultFile))) await input.CopyToAsync(file, cancellationToken);
        offer.Directories[DockerfileName] = directory;
        attributes["filename"] = DefaultFile;
    }

    /// <summary>An archive is passed on when the builder asks for it; anything else is a Dockerfile without files.</summary>
    private async Task AddInputAsync(string file, Stream input, CancellationToken cancellationToken)
    {
        if (file == "-") throw new CliException("invalid argument: can't use stdin for both build context and dockerfile");
        var head = new byte[512];
        int length = await input.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        var whole = new HeadedInput(head.AsMemory(0, length), input);
        if (BuildContext.IsArchive(head.AsSpan(0, length)))
        {
            offer.Input = whole;
            attributes["context"] = "http://buildkit-session/" + Guid.NewGuid().ToString("n");
            attributes["filename"] = file == "" ? DefaultFile : file;
            return;
        }
        await AddDockerfileTextAsync(whole, cancellationToken);
        var empty = Directory.CreateTempSubdirectory("wharf-context-").FullName;
        temporary.Add(empty);
        offer.Directories[ContextName] = empty;
    }

    /// <summary>Takes another context: <c>name=directory</c>, an image, a layout of files, or an address.</summary>
    public void AddNamed(string text)
    {
        var (name, value) = KeyValue.Split(text);
        if (name == "" || value == "") throw new CliException($"invalid context value: {text}, expected key=value");
        const string Layout = "oci-layout://";
        if (value.StartsWith(Layout, StringComparison.Ordinal))
        {
            var (path, digest) = SplitLayout(value[Layout.Length..]);
            offer.Stores["oci:" + name] = path;
            attributes["context:" + name] = $"{Layout}{name}@{digest}";
        }
        else if (BuildContext.IsRemote(value) || value.StartsWith("docker-image://", StringComparison.Ordinal)) attributes["context:" + name] = value;
        else if (Directory.Exists(value))
        {
            offer.Directories[name] = Path.GetFullPath(value);
            attributes["context:" + name] = "local:" + name;
        }
        else throw new CliException($"failed to get build context path {name}: stat {Path.GetFullPath(value)}: no such file or directory");
    }

    private static (string Path, string Digest) SplitLayout(string text)
    {
        if (text.LastIndexOf('@') is > 0 and var at) return (Path.GetFullPath(text[..at]), text[(at + 1)..]);
        var (path, tag) = text.LastIndexOf(':') is > 0 and var colon && !text[colon..].Contains('/') ? (text[..colon], text[(colon + 1)..]) : (text, "latest");
        return (Path.GetFullPath(path), LayoutIndex.Find(Path.GetFullPath(path), tag));
    }

    public void Dispose()
    {
        foreach (var directory in temporary) Directory.Delete(directory, recursive: true);
    }

    /// <summary>What was read of the input, and then the rest.</summary>
    private sealed class HeadedInput(ReadOnlyMemory<byte> head, Stream rest) : ForwardStream
    {
        private ReadOnlyMemory<byte> left = head;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (left.IsEmpty) return await rest.ReadAsync(buffer, cancellationToken);
            int count = Math.Min(buffer.Length, left.Length);
            left[..count].CopyTo(buffer);
            left = left[count..];
            return count;
        }
    }
}
