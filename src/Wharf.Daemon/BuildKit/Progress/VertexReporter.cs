using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Specs.DockerApi;


namespace Wharf.Daemon.BuildKit.Progress;

/// <summary>One line of a build's progress that is not a step of the Dockerfile: loading, exporting. Disposing it ends it.</summary>
internal sealed class VertexReporter : IProgress<JsonMessage>, IDisposable
{
    private static readonly long ReportEvery = TimeSpan.FromMilliseconds(100).Ticks;

    private readonly StatusLog _log;
    private readonly Vertex _vertex;
    private readonly Dictionary<string, VertexStatus> _statuses = new(StringComparer.Ordinal);
    private long _last;

    public VertexReporter(StatusLog log, string name, bool cached = false)
    {
        _log = log;
        _vertex = new Vertex
        {
            Digest = Specs.Image.Digest.FromSha256(SHA256.HashData(Encoding.UTF8.GetBytes(name + Guid.NewGuid()))).ToString(), Name = name, Cached = cached, Started = Now(),
        };
        _log.Add(_vertex.Clone());
    }

    public string Digest => _vertex.Digest;

    /// <summary>How many bytes of a transfer are done.</summary>
    public void Transferred(string what, long bytes, bool done = false)
    {
        long now = DateTime.UtcNow.Ticks;
        if (!done && now - _last < ReportEvery) return;
        _last = now;
        Status(what, what, bytes, 0, done);
    }

    /// <summary>Begins a piece of the work; the result ends it.</summary>
    public IDisposable Begin(string what)
    {
        Status(what, what, 0, 0, done: false);
        return new Part(() => Status(what, what, 0, 0, done: true));
    }

    public void Fail(string error) => _vertex.Error = error;

    /// <summary>A pull or push tells how far each of its layers is.</summary>
    public void Report(JsonMessage value)
    {
        if (value.Id is not { Length: > 0 } id || value.Status is not { } text) return;
        bool done = text is "Pull complete" or "Already exists" or "Pushed" or "Layer already exists" or "Download complete";
        Status(id, $"{text.ToLowerInvariant()} {id}", value.ProgressDetail?.Current ?? 0, value.ProgressDetail?.Total ?? 0, done);
    }

    private void Status(string id, string name, long current, long total, bool done)
    {
        lock (_statuses)
        {
            if (!_statuses.TryGetValue(id, out var status)) _statuses[id] = status = new VertexStatus { Id = id, Vertex = _vertex.Digest, Started = Now() };
            (status.Name, status.Timestamp, status.Current, status.Total) = (name, Now(), current, total);
            if (done) status.Completed = Now();
            _log.Add(status.Clone());
        }
    }

    public void Dispose()
    {
        _vertex.Completed = Now();
        _log.Add(_vertex.Clone());
    }

    private static Timestamp Now() => Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow);

    private sealed class Part(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
