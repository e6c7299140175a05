using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;
using Wharf.Linux.Fds;
using FileMode = System.IO.FileMode;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Makes groups of small file writes atomic and durable with one disk flush: a group is appended to a journal, flushed, and only then
/// made as files. What the journal holds at start is made again. Groups that come at the same time share a flush.
/// </summary>
internal sealed class ChangeJournal : IAsyncDisposable
{
    private const long CheckpointSize = 16 << 20;
    private const int HeaderSize = 4 + 8;
    private static readonly TimeSpan CheckpointIdle = TimeSpan.FromSeconds(20);

    private sealed record Group(byte[] Record, IReadOnlyList<ObjectChange> Changes, TaskCompletionSource Done);

    private readonly string _root;
    private readonly bool _flush;
    private readonly Action<ObjectChange> _make;
    private readonly SafeFileHandle _file;
    private readonly Channel<Group> _groups = Channel.CreateUnbounded<Group>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _worker;
    private long _length;

    /// <summary>
    /// Opens the journal under a root and makes again what it holds, by <paramref name="remake"/>, which counts on nothing being whole.
    /// <paramref name="flush"/> false gives durability up for speed.
    /// </summary>
    public ChangeJournal(string root, bool flush, Action<ObjectChange> make, Action<ObjectChange> remake)
    {
        (_root, _flush, _make) = (root, flush, make);
        _file = File.OpenHandle(Path.Combine(root, "journal"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        Recovered = Replay(remake);
        Checkpoint();
        _worker = Task.Run(WorkAsync);
    }

    /// <summary>How many groups of a former process were made again.</summary>
    public int Recovered { get; }

    public Task ApplyAsync(IReadOnlyList<ObjectChange> changes)
    {
        var group = new Group(Encode(changes), changes, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        return _groups.Writer.TryWrite(group) ? group.Done.Task : throw new ObjectDisposedException(nameof(ChangeJournal));
    }

    private async Task WorkAsync()
    {
        var batch = new List<Group>();
        while (await WaitAsync())
        {
            batch.Clear();
            while (batch.Count < 256 && _groups.Reader.TryRead(out var group)) batch.Add(group);
            Make(batch);
            if (_length > CheckpointSize) Checkpoint();
        }
    }

    /// <summary>Waits for work; an idle journal is emptied.</summary>
    private async Task<bool> WaitAsync()
    {
        var more = _groups.Reader.WaitToReadAsync().AsTask();
        if (_length > 0 && await Task.WhenAny(more, Task.Delay(CheckpointIdle)) != more) Checkpoint();
        return await more;
    }

    private void Make(List<Group> batch)
    {
        long before = _length;
        try
        {
            foreach (var group in batch)
            {
                RandomAccess.Write(_file, group.Record, _length);
                _length += group.Record.Length;
            }
            if (_flush) RandomAccess.FlushToDisk(_file);
        }
        catch (Exception error)
        {
            // What could not be promised must not come back after a restart.
            RandomAccess.SetLength(_file, _length = before);
            foreach (var group in batch) group.Done.SetException(error);
            return;
        }
        foreach (var group in batch)
        {
            try
            {
                foreach (var change in group.Changes) _make(change);
                group.Done.SetResult();
            }
            catch (Exception error) { group.Done.SetException(error); }
        }
    }

    /// <summary>Everything made so far goes to the disk; then the journal is not needed.</summary>
    private void Checkpoint()
    {
        if (_length == 0) return;
        if (_flush) DiskFlush.FileSystemOf(_root);
        RandomAccess.SetLength(_file, 0);
        _length = 0;
    }

    private int Replay(Action<ObjectChange> remake)
    {
        long size = RandomAccess.GetLength(_file), at = 0;
        int count = 0;
        var header = new byte[HeaderSize];
        while (at + HeaderSize <= size)
        {
            RandomAccess.Read(_file, header, at);
            int length = BinaryPrimitives.ReadInt32LittleEndian(header);
            if (length <= 0 || at + HeaderSize + length > size) break;
            var payload = new byte[length];
            RandomAccess.Read(_file, payload, at + HeaderSize);
            // A record that was cut short was never answered to anybody.
            if (!SHA256.HashData(payload).AsSpan(0, 8).SequenceEqual(header.AsSpan(4, 8))) break;
            foreach (var change in Decode(payload)) remake(change);
            at += HeaderSize + length;
            count++;
        }
        _length = size;
        return count;
    }

    private static byte[] Encode(IReadOnlyList<ObjectChange> changes)
    {
        using var memory = new MemoryStream();
        memory.SetLength(HeaderSize);
        memory.Position = HeaderSize;
        using (var writer = new BinaryWriter(memory, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(changes.Count);
            foreach (var (key, data) in changes)
            {
                writer.Write(key);
                writer.Write(data?.Length ?? -1);
                if (data is { } bytes) writer.Write(bytes.Span);
            }
        }
        var record = memory.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - HeaderSize);
        SHA256.HashData(record.AsSpan(HeaderSize)).AsSpan(0, 8).CopyTo(record.AsSpan(4));
        return record;
    }

    private static List<ObjectChange> Decode(byte[] payload)
    {
        using var reader = new BinaryReader(new MemoryStream(payload), Encoding.UTF8);
        int count = reader.ReadInt32();
        var changes = new List<ObjectChange>();
        for (int i = 0; i < count; i++)
        {
            var key = reader.ReadString();
            int length = reader.ReadInt32();
            changes.Add(length < 0 ? ObjectChange.Delete(key) : ObjectChange.Write(key, reader.ReadBytes(length)));
        }
        return changes;
    }

    public async ValueTask DisposeAsync()
    {
        _groups.Writer.TryComplete();
        await _worker;
        Checkpoint();
        _file.Dispose();
    }
}
