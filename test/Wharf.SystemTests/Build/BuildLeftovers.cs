using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Build;

/// <summary>What builds leave behind.</summary>
internal static class BuildLeftovers
{
    /// <summary>Waits until there are no containers but those the engine lists: a build's own go with it.</summary>
    public static async Task NoneAsync(EngineFixture engine)
    {
        if (!engine.IsWharf) return;
        var containers = Path.Combine(engine.DataRoot, "containers");
        var known = (await engine.DockerAsync("ps", "-aq", "--no-trunc")).ShouldExit(0).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using var patience = new CancellationTokenSource(CommandResult.Patience(30));
        while (Directory.EnumerateDirectories(containers).Any(path => !known.Contains(Path.GetFileName(path)))) await Task.Delay(50, patience.Token);
    }
}
