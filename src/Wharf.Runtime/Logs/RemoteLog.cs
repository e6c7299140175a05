using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>One line on its way to another machine or program.</summary>
internal sealed record LogLine(int Stream, byte[] Text, DateTimeOffset Time, PartOfLine? Part);

/// <summary>Speaks one protocol. Everything but the constructor is called on a log's own thread, and may block; failures are <see cref="IOException"/>.</summary>
internal interface ILogSender : IDisposable
{
    void Connect();

    void Send(LogLine line);

    /// <summary>How long a line that <see cref="Send"/> only gathered may wait for others; null where nothing is gathered.</summary>
    TimeSpan? Linger => null;

    /// <summary>Sends what was gathered.</summary>
    void Flush() { }

    /// <summary>No more lines come than those that wait; called from another thread.</summary>
    void Ending() { }

    /// <summary>Lines that could not be sent, where that is known.</summary>
    long Lost => 0;
}

/// <summary>
/// A log that is sent on. A thread of its own sends; what waits for it is bounded: beyond that the container waits, or in non-blocking
/// mode lines are dropped and counted. A local file keeps what was written, to be read back.
/// </summary>
internal sealed class RemoteLog(LogTarget target, ILogSender sender) : LineLog
{
    private const long Bound = 1 << 20;
    private const int LineCost = 64;

    private readonly LocalFileLog? _cache = target.Path is null ? null : new LocalFileLog(target);
    private readonly Queue<LogLine> _queue = new();
    private readonly object _lock = new();
    private Thread? _thread;
    private long _waiting, _dropped;
    private bool _ended, _wasFull;
    private long? _flushAt;

    public long Dropped => Interlocked.Read(ref _dropped) + sender.Lost;

    public override bool IsFull
    {
        get
        {
            lock (_lock)
            {
                _wasFull = target.DropBeyond is null && _waiting > Bound;
                return _wasFull;
            }
        }
    }

    public override void Connect() => sender.Connect();

    protected override void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part)
    {
        _cache?.Add(stream, text, time, part);
        lock (_lock)
        {
            if (target.DropBeyond is { } bound && _waiting + text.Length > bound && _queue.Count > 0)
            {
                _dropped++;
                return;
            }
            _queue.Enqueue(new LogLine(stream, text.ToArray(), time, part));
            _waiting += text.Length + LineCost;
            Monitor.Pulse(_lock);
        }
        if (_thread is not null) return;
        _thread = new Thread(SendAll, 256 << 10) { IsBackground = true, Name = "log" };
        _thread.Start();
    }

    protected override void EndOfRead() => _cache?.Flush();

    private void SendAll()
    {
        while (Take(out var line))
        {
            Give(line);
            if (line is null) continue;
            bool room;
            lock (_lock)
            {
                _waiting -= line.Text.Length + LineCost;
                room = _wasFull && _waiting < Bound / 2;
                if (room) _wasFull = false;
            }
            if (room) OnRoom?.Invoke();
        }
        Give(null);
        sender.Dispose();
    }

    /// <summary>Sends a line, or what was gathered.</summary>
    private void Give(LogLine? line)
    {
        try
        {
            if (line is null) sender.Flush();
            else sender.Send(line);
        }
        catch (IOException error) { Console.Error.WriteLine($"{target.Source?.ContainerId}: {target.Driver} log: {error.Message}"); }
    }

    /// <summary>The next line, or null when it is time to send what was gathered; false at the end.</summary>
    private bool Take(out LogLine? line)
    {
        lock (_lock)
        {
            while (true)
            {
                long? wait = _flushAt - Environment.TickCount64;
                if (wait <= 0)
                {
                    (_flushAt, line) = (null, null);
                    return true;
                }
                if (_queue.TryDequeue(out line))
                {
                    if (sender.Linger is { } linger) _flushAt ??= Environment.TickCount64 + (long)linger.TotalMilliseconds;
                    return true;
                }
                if (_ended) return false;
                if (wait is { } milliseconds) Monitor.Wait(_lock, (int)milliseconds);
                else Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>The thread goes on for what still waits; the loop does not wait for it, and so neither does the container's exit.</summary>
    public override void Dispose()
    {
        _cache?.Dispose();
        sender.Ending();
        lock (_lock)
        {
            _ended = true;
            Monitor.Pulse(_lock);
        }
        if (_thread is null) sender.Dispose();
        if (_dropped > 0) Console.Error.WriteLine($"{target.Source?.ContainerId}: {target.Driver} log: {_dropped} lines were dropped");
    }
}
