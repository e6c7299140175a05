using System.Collections.Concurrent;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>Follows the statistics of several containers at once, each over its own connection.</summary>
internal sealed class StatsWatch(CliContext cli) : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Dictionary<string, Task> followers = [];
    private readonly Dictionary<string, TaskCompletionSource> firsts = [];
    private readonly ConcurrentDictionary<string, StatsRow> latest = [];
    private IReadOnlyList<string> order = [];

    public ConcurrentQueue<string> Errors { get; } = [];
    public IReadOnlyList<StatsRow> Rows => [.. order.Select(name => latest.GetValueOrDefault(name)).OfType<StatsRow>()];
    /// <summary>Every container that was asked for is gone or failed.</summary>
    public bool HasEnded => followers.Count > 0 && followers.Values.All(task => task.IsCompleted);

    public void Follow(IReadOnlyList<string> names)
    {
        order = names;
        foreach (var name in names.Where(name => !followers.ContainsKey(name)))
        {
            var first = firsts[name] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            followers[name] = FollowAsync(name, first, stop.Token);
        }
        foreach (var gone in followers.Keys.Except(names).ToList())
        {
            if (followers[gone].IsCompleted) followers.Remove(gone);
        }
    }

    /// <summary>Waits until each of those followed has told its figures once, or failed.</summary>
    public Task FirstSamplesAsync(CancellationToken cancellationToken) => Task.WhenAll(firsts.Values.Select(first => first.Task)).WaitAsync(cancellationToken);

    private async Task FollowAsync(string name, TaskCompletionSource first, CancellationToken cancellationToken)
    {
        try
        {
            await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/containers/{Uri.EscapeDataString(name)}/stats?stream=1"), cancellationToken);
            await foreach (var sample in JsonStream.ReadAsync(response.Body, cancellationToken))
            {
                if (sample.Deserialize(DockerApiJson.Default.ContainerStatsResponse) is { } stats) latest[name] = new StatsRow(name, stats);
                first.TrySetResult();
            }
        }
        catch (Exception e) when (e is CliException or IOException)
        {
            Errors.Enqueue(e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
        finally
        {
            latest.TryRemove(name, out _);
            first.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(followers.Values);
        stop.Dispose();
    }
}
