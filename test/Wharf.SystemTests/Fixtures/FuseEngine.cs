using Shouldly;

namespace Wharf.SystemTests.Fixtures;

/// <summary>An engine with <c>storage-driver fuse-overlayfs</c>, root's or a user's, and the processes that serve its containers' roots.</summary>
public sealed class FuseEngine : IAsyncDisposable
{
    private readonly RootlessEngine? _rootless;

    private FuseEngine(RootlessEngine? rootless) => (_rootless, Engine) = (rootless, rootless?.Engine ?? new EngineFixture());

    public EngineFixture Engine { get; }

    private string[] Flags => [.. _rootless is null ? [] : (string[])["--rootless"], "--storage-driver", "fuse-overlayfs"];

    public static async Task<FuseEngine> StartAsync(bool rootless)
    {
        Programs.Find("fuse-overlayfs");
        var started = new FuseEngine(rootless ? new RootlessEngine() : null);
        try
        {
            if (started._rootless is { } user) await user.StartAsync(withNumbers: true, "--storage-driver", "fuse-overlayfs");
            else await started.Engine.StartOwnAsync(started.Flags);
            await started.Engine.EnsureImageAsync();
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the daemon again with the same driver.</summary>
    public Task StartDaemonAsync() => Engine.StartDaemonAsync(Flags);

    /// <summary>Waits until there are so many of them: one ends a moment after its mount.</summary>
    public async Task ServersAsync(int count)
    {
        for (int i = 0; i < 500 && Servers(Engine.DataRoot).Count != count; i++) await Task.Delay(10);
        Servers(Engine.DataRoot).Count.ShouldBe(count, string.Join('\n', Servers(Engine.DataRoot)));
    }

    /// <summary>The arguments of processes that serve something below a directory.</summary>
    public static List<string> Servers(string directory) =>
        [.. Directory.GetDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)).Select(CommandOf).Where(command => command.StartsWith("fuse-overlayfs\0", StringComparison.Ordinal) && command.Contains(directory, StringComparison.Ordinal))];

    private static string CommandOf(string process)
    {
        try { return File.ReadAllText(process + "/cmdline"); }
        catch (IOException) { return ""; } // it has just ended
    }

    public ValueTask DisposeAsync() => _rootless?.DisposeAsync() ?? Engine.DisposeAsync();
}
