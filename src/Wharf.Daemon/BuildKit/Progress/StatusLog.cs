using System.Runtime.CompilerServices;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;

namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>All that a build has told of itself, from the beginning, for any number of listeners that come at any time.</summary>
internal sealed class StatusLog
{
    /// <summary>How much output of one step is kept and shown; the rest is dropped, as BuildKit does it.</summary>
    private const int MaxOutput = 2 << 20;

    private readonly Lock _lock = new();
    private readonly List<StatusResponse> _events = [];
    private readonly Dictionary<string, long> _output = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = NewSignal();
    private bool _complete;

    public void Add(StatusResponse status)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (_complete) return;
            _events.Add(status);
            (changed, _changed) = (_changed, NewSignal());
        }
        changed.SetResult();
    }

    public void Add(Vertex vertex) => Add(new StatusResponse { Vertexes = { vertex } });

    public void Add(VertexStatus status) => Add(new StatusResponse { Statuses = { status } });

    public void AddOutput(string vertex, int stream, ReadOnlySpan<byte> data, DateTimeOffset at)
    {
        lock (_lock)
        {
            long before = _output.GetValueOrDefault(vertex);
            if (before >= MaxOutput) return;
            _output[vertex] = before + data.Length;
            if (before + data.Length >= MaxOutput) data = "\n[output clipped, log limit 2MiB reached]\n"u8;
        }
        Add(new StatusResponse { Logs = { new VertexLog { Vertex = vertex, Stream = stream, Msg = ByteString.CopyFrom(data), Timestamp = Timestamp.FromDateTimeOffset(at) } } });
    }

    /// <summary>Nothing more comes.</summary>
    public void Complete()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _complete = true;
            changed = _changed;
        }
        changed.TrySetResult();
    }

    public async IAsyncEnumerable<StatusResponse> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (int next = 0; ;)
        {
            List<StatusResponse> batch;
            Task changed;
            bool complete;
            lock (_lock)
            {
                batch = next < _events.Count ? _events[next..] : [];
                next = _events.Count;
                (changed, complete) = (_changed.Task, _complete);
            }
            foreach (var status in batch) yield return status;
            if (batch.Count > 0) continue;
            if (complete) yield break;
            await changed.WaitAsync(cancellation);
        }
    }

    /// <summary>What has been told so far.</summary>
    public IReadOnlyList<StatusResponse> Snapshot()
    {
        lock (_lock) return [.. _events];
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
