using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Engine.Build.Planning;

namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>Follows a plan's steps and tells them to the log.</summary>
internal sealed class StepWatcher
{
    private readonly Dictionary<BuildNode, Task> _watching;

    /// <summary>Announces all steps and follows them until they end.</summary>
    public StepWatcher(LlbGraph graph, StatusLog log)
    {
        var vertexes = new Dictionary<BuildNode, Vertex>(ReferenceEqualityComparer.Instance);
        foreach (var node in graph.Plan.Nodes)
        {
            if (!graph.Names.TryGetValue(node, out var name) || graph.DigestOf(node) is not { } digest) continue;
            var vertex = new Vertex { Digest = digest, Name = name };
            foreach (var input in node.Inputs)
                if (vertexes.TryGetValue(input, out var from)) vertex.Inputs.Add(from.Digest);
            vertexes[node] = vertex;
        }
        log.Add(new StatusResponse { Vertexes = { vertexes.Values.Select(vertex => vertex.Clone()) } });
        _watching = vertexes.ToDictionary(pair => pair.Key, pair => WatchAsync(pair.Key.Progress, pair.Value, log), (IEqualityComparer<BuildNode>)ReferenceEqualityComparer.Instance);
    }

    /// <summary>Done when all that these steps told is in the log.</summary>
    public Task ToldAsync(IEnumerable<BuildNode> nodes) => Task.WhenAll(nodes.Select(node => _watching.GetValueOrDefault(node, Task.CompletedTask)));

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
            vertex.Error = BuildErrors.LineMessage(error);
        }
        vertex.Completed = Timestamp.FromDateTimeOffset(progress.CompletedAt ?? DateTimeOffset.UtcNow);
        log.Add(vertex.Clone());
    }
}
