using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Engine.Build.Planning;

namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>Follows a plan's steps and tells them to the log.</summary>
internal static class StepWatcher
{
    /// <summary>Announces all steps and follows them until they end.</summary>
    public static Task WatchAsync(BuildPlan plan, StatusLog log, bool withPlatform)
    {
        var names = StepNames.Of(plan, withPlatform);
        var vertexes = new Dictionary<BuildNode, Vertex>(ReferenceEqualityComparer.Instance);
        foreach (var node in plan.Nodes)
        {
            if (!names.TryGetValue(node, out var name)) continue;
            var vertex = new Vertex { Digest = node.Id.ToString(), Name = name };
            foreach (var input in node.Inputs)
                if (vertexes.TryGetValue(input, out var from)) vertex.Inputs.Add(from.Digest);
            vertexes[node] = vertex;
        }
        log.Add(new StatusResponse { Vertexes = { vertexes.Values.Select(vertex => vertex.Clone()) } });
        return Task.WhenAll(vertexes.Select(pair => WatchAsync(pair.Key.Progress, pair.Value, log)));
    }

    private static async Task WatchAsync(NodeProgress progress, Vertex vertex, StatusLog log)
    {
        await progress.Started;
        if (progress.StartedAt is not { } started) return; // called off before it began
        vertex.Started = Timestamp.FromDateTimeOffset(started);
        log.Add(vertex.Clone());
        await foreach (var output in progress.ReadOutputAsync(CancellationToken.None)) log.AddOutput(vertex.Digest, output.Stream, output.Data.Span, output.At);
        try
        {
            var result = await progress.Completed;
            // A base that is here already is nobody's cached step, but clients show it as done for nothing all the same.
            vertex.Cached = result.Cached;
        }
        catch (OperationCanceledException)
        {
            vertex.Error = "context canceled";
        }
        catch (Exception error)
        {
            vertex.Error = Gateway.BuildErrors.Message(error);
        }
        vertex.Completed = Timestamp.FromDateTimeOffset(progress.CompletedAt ?? DateTimeOffset.UtcNow);
        log.Add(vertex.Clone());
    }
}
