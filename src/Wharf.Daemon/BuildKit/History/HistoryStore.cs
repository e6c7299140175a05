using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Wharf.Daemon.BuildKit.Export;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.History;

/// <summary>
/// Builds that were made: what was asked for, how it ended, and all that was told meanwhile. Records are rows; logs, errors, traces and attestations are files. The oldest go when there
/// are more than fifty, unless they are pinned.
/// </summary>
internal sealed class HistoryStore
{
    private const int MaxRecords = 50;
    private const string LogType = "application/vnd.buildkit.status.v0", ErrorType = "application/vnd.googeapis.google.rpc.status+proto"; // spelt so there

    private readonly EngineHost _engine;
    private readonly string _directory;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, BuildHistoryRecord> _active = new(StringComparer.Ordinal);
    private readonly List<Channel<BuildHistoryEvent>> _listeners = [];

    public HistoryStore(EngineHost engine)
    {
        _engine = engine;
        _directory = Path.Combine(engine.Options.DataRoot, "build", "history");
        engine.State.EnsureSchema("""
            create table if not exists build_history(ref text primary key, created_at text not null, pinned integer not null, record blob not null) without rowid, strict;
            create table if not exists build_history_blob(ref text not null, digest text not null, primary key(ref, digest)) without rowid, strict;
            create index if not exists build_history_blob_digest on build_history_blob(digest);
            """);
        // Records of daemons that had no such table.
        foreach (var record in engine.State.Query("select record, pinned from build_history where ref not in (select ref from build_history_blob)", Read)) NameBlobs(record);
        // What a kill left behind of forgetting.
        foreach (var reference in engine.State.Query("select distinct ref from build_history_blob where ref not in (select ref from build_history)", static row => row.GetString(0))) Forget(reference);
    }

    public void Started(BuildJob job)
    {
        if (job.Request.Internal) return;
        var record = new BuildHistoryRecord { Ref = job.Reference, Frontend = "dockerfile.v0", CreatedAt = Timestamp.FromDateTimeOffset(job.StartedAt) };
        lock (_lock)
        {
            _active[job.Reference] = record;
            Publish(BuildHistoryEventType.Started, record);
        }
    }

    public void Completed(BuildJob job, ExportResult? exported, RpcStatus? error)
    {
        if (job.Request.Internal) return;
        var events = job.Log.Snapshot();
        var vertexes = VertexesOf(events);
        var record = RecordOf(job, vertexes, exported, error);
        var trace = BuildTrace.Encode(job.TraceParent, job.StartedAt, record.CompletedAt.ToDateTimeOffset(), error?.Message ?? "", vertexes);
        lock (_lock)
        {
            record.Logs = Keep(LogType, Framed(events));
            record.Trace = Keep(BuildTrace.MediaType, trace);
            if (error is not null) record.ExternalError = Keep(ErrorType, error.ToByteArray());
            foreach (var (digest, bytes) in exported?.Kept ?? []) KeepBlob(digest, bytes);
            NameBlobs(record);
            _engine.State.Execute("insert into build_history values($1, $2, 0, $3) on conflict(ref) do update set record = excluded.record", record.Ref, job.StartedAt.ToString("o", CultureInfo.InvariantCulture), record.ToByteArray());
            RemoveOldest();
            _active.Remove(job.Reference);
            Publish(BuildHistoryEventType.Complete, record);
        }
    }

    /// <summary>What was told last of each step.</summary>
    private static IReadOnlyCollection<Vertex> VertexesOf(IReadOnlyList<StatusResponse> events)
    {
        var vertexes = new OrderedDictionary<string, Vertex>(StringComparer.Ordinal);
        foreach (var vertex in events.SelectMany(static status => status.Vertexes)) vertexes[vertex.Digest] = vertex;
        return vertexes.Values;
    }

    private static BuildHistoryRecord RecordOf(BuildJob job, IReadOnlyCollection<Vertex> vertexes, ExportResult? exported, RpcStatus? error)
    {
        var record = new BuildHistoryRecord
        {
            Ref = job.Reference, Frontend = "dockerfile.v0", CreatedAt = Timestamp.FromDateTimeOffset(job.StartedAt), CompletedAt = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow), NumWarnings = job.Warnings,
        };
        if (error is not null) record.Error = new RpcStatus { Code = error.Code, Message = error.Message };
        foreach (var (key, value) in job.Options?.Recorded() ?? []) record.FrontendAttrs[key] = value;
        record.Exporters.AddRange(job.Request.Exporters);
        record.NumTotalSteps = vertexes.Count;
        record.NumCompletedSteps = vertexes.Count(static vertex => vertex.Completed is not null && vertex.Error.Length == 0);
        record.NumCachedSteps = vertexes.Count(static vertex => vertex.Cached);
        if (exported is null) return record;
        foreach (var (key, value) in exported.Response) record.ExporterResponse[key] = value;
        foreach (var (platform, result) in exported.Results)
        {
            if (platform.Length == 0) record.Result = result;
            else record.Results[platform] = result;
        }
        return record;
    }

    /// <summary>What was told, as BuildKit stores it: each message after its length in four bytes, the lowest first.</summary>
    private static byte[] Framed(IReadOnlyList<StatusResponse> events)
    {
        using var bytes = new MemoryStream();
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var status in events)
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, status.CalculateSize());
            bytes.Write(length);
            status.WriteTo(bytes);
        }
        return bytes.ToArray();
    }

    public IEnumerable<StatusResponse> ReadLog(string reference)
    {
        if (Find(reference)?.Logs is not { } logs || !Specs.Image.Digest.TryParse(logs.Digest, out var digest) || !File.Exists(BlobPath(digest))) yield break;
        var bytes = File.ReadAllBytes(BlobPath(digest));
        for (int at = 0; at < bytes.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
            yield return StatusResponse.Parser.ParseFrom(bytes, at + sizeof(int), length);
            at += sizeof(int) + length;
        }
    }

    private BlobDescriptor Keep(string mediaType, byte[] bytes)
    {
        var digest = Specs.Image.Digest.OfBytes(bytes);
        KeepBlob(digest, bytes);
        return new BlobDescriptor { MediaType = mediaType, Digest = digest.ToString(), Size = bytes.Length };
    }

    /// <summary>Keeps what a record names for as long as it is there itself. The caller has the lock, so that no other record's end takes it before this record is there.</summary>
    private void KeepBlob(Specs.Image.Digest digest, byte[] bytes)
    {
        if (BlobSize(digest) == bytes.Length) return;
        Directory.CreateDirectory(BlobDirectory);
        File.WriteAllBytes(BlobPath(digest), bytes);
    }

    /// <summary>The size of a kept blob; null when there is none.</summary>
    public long? BlobSize(Specs.Image.Digest digest) => File.Exists(BlobPath(digest)) ? new FileInfo(BlobPath(digest)).Length : null;

    public Stream OpenBlob(Specs.Image.Digest digest) => File.OpenRead(BlobPath(digest));

    private string BlobDirectory => Path.Combine(_directory, "blobs");

    private string BlobPath(Specs.Image.Digest digest) => Path.Combine(BlobDirectory, digest.Hex);

    private static IEnumerable<BlobDescriptor> BlobsOf(BuildHistoryRecord record) =>
        new[] { record.Logs, record.ExternalError, record.Trace }.OfType<BlobDescriptor>().Concat(record.Results.Values.Append(record.Result).OfType<BuildResultInfo>().SelectMany(static result => result.Attestations.Concat(result.Results.Values)));

    /// <summary>Writes down which blobs a record needs.</summary>
    private void NameBlobs(BuildHistoryRecord record)
    {
        foreach (var blob in BlobsOf(record)) _engine.State.Execute("insert or ignore into build_history_blob values($1, $2)", record.Ref, blob.Digest);
    }

    /// <summary>Forgets a record, and what was kept for it and for no other. The names of its blobs go last: a daemon that is killed in between finds them again at its next start.</summary>
    private void Forget(string reference)
    {
        _engine.State.Execute("delete from build_history where ref = $1", reference);
        foreach (var blob in _engine.State.Query("select digest from build_history_blob as own where ref = $1 and not exists (select 1 from build_history_blob as other where other.digest = own.digest and other.ref <> own.ref)", static row => row.GetString(0), reference))
            if (Specs.Image.Digest.TryParse(blob, out var digest)) File.Delete(BlobPath(digest));
        _engine.State.Execute("delete from build_history_blob where ref = $1", reference);
    }

    public BuildHistoryRecord? Find(string reference) => _engine.State.Query("select record, pinned from build_history where ref = $1", Read, reference) is [var record, ..] ? record : null;

    private static BuildHistoryRecord Read(Microsoft.Data.Sqlite.SqliteDataReader row)
    {
        var record = BuildHistoryRecord.Parser.ParseFrom(row.GetFieldValue<byte[]>(0));
        record.Pinned = row.GetInt64(1) != 0;
        return record;
    }

    public void Remove(string reference)
    {
        if (Find(reference) is not { } record) throw WharfException.NotFound($"could not find build {reference}");
        lock (_lock)
        {
            Forget(reference);
            Publish(BuildHistoryEventType.Deleted, record);
        }
    }

    public void Pin(string reference, bool pinned)
    {
        if (Find(reference) is null) throw WharfException.NotFound($"could not find build {reference}");
        _engine.State.Execute("update build_history set pinned = $2 where ref = $1", reference, pinned ? 1 : 0);
    }

    private void RemoveOldest()
    {
        foreach (var reference in _engine.State.Query("select ref from build_history where pinned = 0 order by created_at desc limit -1 offset $1", static row => row.GetString(0), MaxRecords)) Forget(reference);
    }

    /// <summary>What is and, unless the caller leaves early, what comes.</summary>
    public async IAsyncEnumerable<BuildHistoryEvent> ListenAsync(BuildHistoryRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateUnbounded<BuildHistoryEvent>();
        lock (_lock)
        {
            var past = request.ActiveOnly ? [] : _engine.State.Query("select record, pinned from build_history order by created_at desc", Read);
            if (request.Limit > 0) past = [.. past.Take(request.Limit)];
            past.Reverse();
            foreach (var record in past) channel.Writer.TryWrite(new BuildHistoryEvent { Type = BuildHistoryEventType.Complete, Record = record });
            foreach (var record in _active.Values) channel.Writer.TryWrite(new BuildHistoryEvent { Type = BuildHistoryEventType.Started, Record = record });
            if (request.EarlyExit) channel.Writer.TryComplete();
            else _listeners.Add(channel);
        }
        try
        {
            await foreach (var happened in channel.Reader.ReadAllAsync(cancellation))
                if (request.Ref.Length == 0 || happened.Record.Ref == request.Ref) yield return happened;
        }
        finally
        {
            lock (_lock) _listeners.Remove(channel);
        }
    }

    /// <summary>Tells the listeners; the caller has the lock.</summary>
    private void Publish(BuildHistoryEventType type, BuildHistoryRecord record)
    {
        foreach (var listener in _listeners) listener.Writer.TryWrite(new BuildHistoryEvent { Type = type, Record = record });
    }
}
