using Wharf.Linux.Fds;

namespace Wharf.Engine.Build;

/// <summary>The files a build may copy from: a directory of the daemon's own that the client's files were put into.</summary>
/// <param name="release">Called when the build no longer reads it.</param>
public sealed class BuildContext(string path, IReadOnlySet<string> excluded, Action? release = null) : IDisposable
{
    /// <summary>The directory on the host.</summary>
    public string Path { get; } = path;

    public Fd Root { get; } = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);

    /// <summary>Files that came along but are no part of the context (an ignored Dockerfile), by path without a leading slash.</summary>
    public IReadOnlySet<string> Excluded { get; } = excluded;

    public void Dispose()
    {
        Root.Dispose();
        release?.Invoke();
    }
}

/// <summary>The contexts of one build by name, the main one by the empty name. Each is opened when the first step reads it, and once.</summary>
public sealed class BuildContexts(Func<string, CancellationToken, Task<BuildContext>> open) : IDisposable
{
    private readonly Dictionary<string, Task<BuildContext>> _opened = new(StringComparer.Ordinal);

    /// <summary>Contexts of a build that has only the main one.</summary>
    public static BuildContexts Of(BuildContext main) => new((name, _) =>
        name.Length == 0 ? Task.FromResult(main) : throw Specs.Errors.WharfException.NotFound($"no context named \"{name}\" was given"));

    public Task<BuildContext> OpenAsync(string name, CancellationToken cancellation)
    {
        lock (_opened)
        {
            if (!_opened.TryGetValue(name, out var opened)) _opened[name] = opened = open(name, cancellation);
            return opened;
        }
    }

    /// <summary>Closes those that were opened. No step may run any more.</summary>
    public void Dispose()
    {
        foreach (var opened in _opened.Values)
            if (opened.IsCompletedSuccessfully) opened.Result.Dispose();
    }
}
