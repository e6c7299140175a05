using System.Collections.Concurrent;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>Where a build's files come from: directories of the client, or addresses that are fetched.</summary>
internal sealed class ContextSources(BuildService builds, ClientSession? session, LocalContexts locals, BuildJob job, FrontendOptions options)
{
    /// <summary>Marks the name of a context that is not a directory of the client.</summary>
    public const string RemotePrefix = "@";

    private const string IgnoreFile = ".dockerignore";

    private readonly ConcurrentDictionary<string, (string Directory, DateTimeOffset? Time)> _fetched = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? _ignored;

    private string Remote => options["context"];
    private string ContextName => options["contextkey"] is { Length: > 0 } name ? name : "context";
    private string DockerfileContext => options["dockerfilekey"] is { Length: > 0 } name ? name : "dockerfile";

    /// <summary>The text of the Dockerfile; notes on the way which ignore file counts.</summary>
    public async Task<string> ReadDockerfileAsync(CancellationToken cancellation)
    {
        if (Remote.Length > 0 && !options.Has("dockerfilekey")) return await ReadRemoteDockerfileAsync(cancellation);
        var name = options.FileName;
        var wanted = new List<string> { name, name + IgnoreFile };
        if (name == "Dockerfile") wanted.Add("dockerfile");
        using var vertex = new VertexReporter(job.Log, $"[internal] load build definition from {Path.GetFileName(name)}");
        job.DefinitionVertex = vertex.Digest;
        using var context = await ReceiveAsync(vertex, "dockerfile", new SyncFilter(DockerfileContext, Includes: wanted, FollowPaths: wanted, Anew: true), cancellation);
        _ignored = Patterns(context, name + IgnoreFile);
        return Dockerfile(context);
    }

    private string Dockerfile(BuildContext context)
    {
        var name = options.FileName;
        string? text;
        try { text = builds.ReadText(context.Root, name) ?? (name == "Dockerfile" ? builds.ReadText(context.Root, "dockerfile") : null); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"failed to read dockerfile: {error.Message}", error); }
        if (text is null) throw WharfException.Invalid($"failed to read dockerfile: open {name}: no such file or directory");
        return text.Length > 0 ? text : throw WharfException.Invalid("the Dockerfile cannot be empty");
    }

    private async Task<string> ReadRemoteDockerfileAsync(CancellationToken cancellation)
    {
        var directory = await FetchAsync(Remote, cancellation);
        using var context = new BuildContext(directory, new HashSet<string>());
        _ignored = Patterns(context, options.FileName + IgnoreFile) ?? Patterns(context, IgnoreFile);
        return Dockerfile(context);
    }

    private async Task<BuildContext> ReceiveAsync(VertexReporter vertex, string what, SyncFilter filter, CancellationToken cancellation)
    {
        long total = 0;
        try
        {
            var context = await locals.ReceiveAsync(session ?? throw WharfException.Invalid("the build names no session"), filter, bytes => vertex.Transferred($"transferring {what}:", total = bytes), cancellation);
            vertex.Transferred($"transferring {what}:", total, done: true);
            return context;
        }
        catch (Exception error)
        {
            vertex.Fail(BuildErrors.Message(error));
            throw;
        }
    }

    /// <summary>The lines of an ignore file that say something; null when it is not there.</summary>
    private IReadOnlyList<string>? Patterns(BuildContext context, string name) => builds.ReadText(context.Root, name)?.Split('\n')
        .Select(static line => line.TrimStart('\uFEFF').Trim()).Where(static line => line.Length > 0 && line[0] != '#').Select(Clean).ToList();

    /// <summary>A pattern as the client's matcher wants it: without slashes and dots around it.</summary>
    private static string Clean(string pattern)
    {
        bool exception = pattern[0] == '!';
        var path = (exception ? pattern[1..].Trim() : pattern).Trim('/');
        while (path.StartsWith("./", StringComparison.Ordinal)) path = path[2..];
        return exception ? "!" + path : path;
    }

    /// <summary>What the main context's ignore file keeps away, for the lint rule that compares with it.</summary>
    public async Task<IgnorePatterns> IgnoredAsync(CancellationToken cancellation)
    {
        if (_ignored is null && Remote.Length == 0) await ReadIgnoreFileAsync(cancellation);
        return IgnorePatterns.Parse(_ignored ?? []);
    }

    private async Task ReadIgnoreFileAsync(CancellationToken cancellation)
    {
        using var looking = new VertexReporter(job.Log, "[internal] load .dockerignore");
        using var ignore = await ReceiveAsync(looking, "context", new SyncFilter(ContextName, Includes: [IgnoreFile], FollowPaths: [IgnoreFile], Anew: true), cancellation);
        _ignored = Patterns(ignore, IgnoreFile) ?? [];
    }

    /// <summary>The contexts that the steps of some plans read, each fetched when the first step wants it.</summary>
    public BuildContexts Contexts(IReadOnlyList<BuildPlan> plans)
    {
        var contexts = new BuildContexts((name, cancellation) => OpenAsync(name, plans, cancellation));
        job.Hold(new Held(contexts));
        return contexts;
    }

    private sealed class Held(BuildContexts contexts) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            contexts.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>The address that a context is fetched from; empty for directories of the client.</summary>
    private string AddressOf(string name) => name.StartsWith(RemotePrefix, StringComparison.Ordinal) ? name[RemotePrefix.Length..] : name.Length == 0 ? Remote : "";

    private async Task<BuildContext> OpenAsync(string name, IReadOnlyList<BuildPlan> plans, CancellationToken cancellation)
    {
        if (AddressOf(name) is { Length: > 0 } address) return Kept(await FetchAsync(address, cancellation));
        if (name.Length > 0)
        {
            using var looking = new VertexReporter(job.Log, $"[context {name}] load .dockerignore");
            using var ignore = await ReceiveAsync(looking, "context", new SyncFilter(name, Includes: [IgnoreFile], FollowPaths: [IgnoreFile], Anew: true), cancellation);
            return await ReceiveContextAsync(name, name, plans, Patterns(ignore, IgnoreFile), cancellation);
        }
        if (_ignored is null) await ReadIgnoreFileAsync(cancellation);
        return await ReceiveContextAsync(ContextName, name, plans, _ignored, cancellation);
    }

    /// <summary>What a context is called, and where it comes from.</summary>
    public ContextSource Describe(string name, BuildPlan plan)
    {
        var address = AddressOf(name);
        if (address.Length > 0) return new ContextSource(RemoteTitle(address), RemoteAddress.Redacted(address));
        return new ContextSource(TitleOf(name), "local://" + (name.Length > 0 ? name : ContextName)) { Paths = plan.ContextPaths(name) };
    }

    private static string TitleOf(string name) => name.Length > 0 ? $"[context {name}] load from client" : "[internal] load build context";

    private static string RemoteTitle(string address) => $"[internal] load remote build context {RemoteAddress.Redacted(address)}";

    private async Task<BuildContext> ReceiveContextAsync(string client, string name, IReadOnlyList<BuildPlan> plans, IReadOnlyList<string>? excluded, CancellationToken cancellation)
    {
        var paths = plans.Select(plan => plan.ContextPaths(name)).ToList();
        using var vertex = new VertexReporter(job.Log, TitleOf(name));
        var follow = paths.Contains(null) ? null : paths.SelectMany(some => some!).Distinct().Order(StringComparer.Ordinal).ToList();
        return await ReceiveAsync(vertex, "context", new SyncFilter(client, Excludes: excluded is { Count: > 0 } ? excluded : null, FollowPaths: follow), cancellation);
    }

    /// <summary>A fetched directory, less what its ignore file names. It is removed with the job.</summary>
    private BuildContext Kept(string directory) => new(directory, new HashSet<string>());

    private async Task<string> FetchAsync(string address, CancellationToken cancellation)
    {
        if (_fetched.TryGetValue(address, out var known)) return known.Directory;
        if (address == BuildJob.BodyAddress && job.Body is { } body) return body;
        using var vertex = new VertexReporter(job.Log, RemoteTitle(address));
        if (job.DefinitionVertex.Length == 0) job.DefinitionVertex = vertex.Digest;
        var directory = builds.MakeContextDirectory();
        job.Hold(new Directories(directory));
        DateTimeOffset? changed = null;
        try
        {
            const string FromSession = "http://buildkit-session/";
            if (address.StartsWith(FromSession, StringComparison.Ordinal))
            {
                await using var upload = new UploadStream(session ?? throw WharfException.Invalid("the build names no session"), address);
                await BuildService.UnpackOrDockerfileAsync(directory, upload, cancellation);
            }
            else changed = await BuildService.FetchContextAsync(directory, address, cancellation);
        }
        catch (Exception error)
        {
            vertex.Fail(BuildErrors.Message(error));
            throw;
        }
        _fetched[address] = (directory, changed);
        return directory;
    }

    /// <summary>When a context was changed last; null where that tells nothing, as with directories of the client.</summary>
    public async Task<DateTimeOffset?> ChangedAsync(string name, CancellationToken cancellation)
    {
        var address = AddressOf(name);
        if (address.Length == 0) return null;
        await FetchAsync(address, cancellation);
        return _fetched.GetValueOrDefault(address).Time;
    }

    private sealed class Directories(string path) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            BuildService.RemoveContext(path);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>The reference that an input of the client's names, when it is one that was given out here.</summary>
    public string? InputReference(string name) => job.Inputs.TryGetValue(name, out var definition) ? LlbGraph.HeadOf(definition)?.Result : null;
}
