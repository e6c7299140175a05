using System.Buffers.Binary;
using Wharf.Linux.Fds;
using Wharf.Runtime.Init;
using Wharf.Runtime.Logs;

namespace Wharf.Runtime.Shim;

/// <summary>
/// The streams of one process: pipes or a terminal on one side, the log and attached clients on the other. The log loses nothing; a
/// client that reads slowly holds the process back once <see cref="ClientBound"/> bytes wait for it, and is let go after a minute
/// without taking any, so that it can neither lose output nor stop the process for ever. <paramref name="buffer"/> is the loop's own,
/// shared by all: 8 bytes for a frame's head, then <see cref="ReadSize"/>.
/// </summary>
internal sealed class ProcessStreams(EventLoop loop, byte[] buffer, bool terminal, bool stdinOnce, ContainerLog? log)
{
    public const int ReadSize = 64 << 10;
    private const int ClientBound = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Fd?[] _outputs = new Fd?[2];
    private readonly List<(ShimConnection Connection, bool Stdin, bool Stdout, bool Stderr)> _clients = [];
    private readonly OutputBuffer _input = new();
    private Fd? _stdin;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);
    private bool _stdinClosing, _paused, _resting, _finishing;

    /// <summary>Called when a log write fails, with its message; the process runs on.</summary>
    public Action<string>? OnLogFailure { get; set; }

    /// <summary>Takes over the shim's ends: read ends of stdout and stderr and the write end of stdin, or a terminal's master for all.</summary>
    public void Open(Fd? stdin, Fd? stdout, Fd? stderr, Fd? master)
    {
        if (log is not null) log.OnRoom = () => loop.Post(Resume);
        if (master is not null)
        {
            Io.SetNonBlocking(master);
            _outputs[0] = _stdin = master;
            Watch(master);
            return;
        }
        _stdin = stdin;
        if (stdin is not null)
        {
            Io.SetNonBlocking(stdin);
            loop.Add(stdin, Poll.None, ready => { if ((ready & Poll.Error) != 0) CloseStdin(); else FlushInput(); });
        }
        OpenOutput(0, stdout);
        OpenOutput(1, stderr);
        if (_input.Length > 0) FlushInput();
        else if (_stdinClosing) CloseStdin();
    }

    private void Watch(Fd master) => loop.Add(master, _paused ? Poll.None : Poll.In, ready => { if ((ready & Poll.Out) != 0) FlushInput(); if ((ready & ~Poll.Out) != 0) ReadOutput(0, ReadSize); });

    private void OpenOutput(int stream, Fd? reader)
    {
        if (reader is null) return;
        Io.SetNonBlocking(reader);
        _outputs[stream] = reader;
        loop.Add(reader, Poll.In, _ => ReadOutput(stream, ReadSize));
    }

    public void Resize(uint height, uint width)
    {
        if (terminal && _outputs[0] is { } master) Terminal.Resize(master, height, width);
    }

    /// <summary>Adds a client; it may come before the process has started.</summary>
    public void Attach(ShimConnection connection, bool stdin, bool stdout, bool stderr)
    {
        _clients.Add((connection, stdin, stdout, stderr));
        connection.BecomeStream();
        connection.OnClosed = () => Detach(connection);
        connection.OnDrained = Resume;
        connection.OnInput = data => { if (stdin) TakeInput(connection, data.Span); };
        // One that came before the process was held back until there was someone to take its input.
        connection.PauseInput(false);
    }

    private void Detach(ShimConnection connection)
    {
        int at = _clients.FindIndex(client => client.Connection == connection);
        if (at < 0) return;
        bool hadStdin = _clients[at].Stdin;
        _clients.RemoveAt(at);
        if (hadStdin && stdinOnce && !terminal) CloseStdinWhenWritten();
        Resume();
    }

    private void TakeInput(ShimConnection connection, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            if (stdinOnce && !terminal) CloseStdinWhenWritten();
            return;
        }
        if (_stdinClosing || _resting) return;
        _input.Append(data);
        if (_stdin is not null) FlushInput();
        if (_input.Length > ClientBound) connection.PauseInput(true);
    }

    private void FlushInput()
    {
        while (_stdin is not null && _input.Length > 0)
        {
            int count = Io.Write(_stdin, _input.Pending, socket: false);
            if (count == Io.WouldBlock)
            {
                WatchStdin(Poll.Out);
                return;
            }
            if (count == Io.Ended)
            {
                CloseStdin();
                return;
            }
            _input.Consume(count);
        }
        WatchStdin(Poll.None);
        foreach (var client in _clients) client.Connection.PauseInput(false);
        if (_stdinClosing) CloseStdin();
    }

    private void WatchStdin(Poll interest)
    {
        if (_stdin is null) return;
        if (_resting) return;
        if (terminal) interest |= _paused ? Poll.None : Poll.In;
        loop.Change(_stdin, interest);
    }

    private void CloseStdinWhenWritten()
    {
        _stdinClosing = true;
        if (_input.Length == 0) CloseStdin();
    }

    private void CloseStdin()
    {
        _stdinClosing = true;
        if (terminal || _stdin is null) return;
        loop.Remove(_stdin);
        _stdin.Dispose();
        _stdin = null;
    }

    /// <summary>Reads once; false when there is nothing now or nothing any more.</summary>
    private bool ReadOutput(int stream, int size)
    {
        if (_outputs[stream] is not { } reader) return false;
        int count = Io.Read(reader, buffer.AsSpan(8, size));
        if (count == Io.WouldBlock) return false;
        if (count == Io.Ended)
        {
            if (terminal && !_finishing) RestTerminal(reader);
            else CloseOutput(stream);
            return false;
        }
        Distribute(stream, count);
        return true;
    }

    /// <summary>
    /// Nobody has the terminal open, as the process has turned its streams elsewhere. It is still its controlling terminal: closing it would be a
    /// hang-up, which kills. It may be opened anew (/dev/tty), which nothing tells of, so that it is looked at from time to time.
    /// </summary>
    private void RestTerminal(Fd master)
    {
        if (_resting) return;
        _resting = true;
        loop.Remove(master);
        loop.After(Rest, () =>
        {
            _resting = false;
            if (_outputs[0] == master) Watch(master);
        });
    }

    private void Distribute(int stream, int count)
    {
        try { log?.Write(stream, buffer.AsSpan(8, count)); }
        catch (IOException error) { OnLogFailure?.Invoke(error.Message); }
        if (log is { IsFull: true }) PauseOutputs();
        var head = buffer.AsSpan(0, 8);
        head.Clear();
        head[0] = (byte)(stream + 1);
        BinaryPrimitives.WriteInt32BigEndian(head[4..], count);
        foreach (var client in _clients.ToArray())
        {
            if (stream == 0 ? !client.Stdout : !client.Stderr) continue;
            client.Connection.Send(terminal ? default : head, buffer.AsSpan(8, count));
            if (client.Connection.Waiting > ClientBound) Pause(client.Connection);
        }
    }

    private void Pause(ShimConnection slow)
    {
        PauseOutputs();
        loop.After(Patience, () =>
        {
            if (slow.Closed || slow.Waiting <= ClientBound) return;
            if (Environment.TickCount64 - slow.LastProgress >= (long)Patience.TotalMilliseconds - 1000) slow.Close();
            else Pause(slow);
        });
    }

    private void PauseOutputs()
    {
        if (_paused) return;
        _paused = true;
        foreach (var reader in _outputs) if (reader is not null && !_resting) loop.Change(reader, Poll.None);
    }

    private void Resume()
    {
        if (!_paused || log is { IsFull: true } || _clients.Any(client => client.Connection.Waiting > ClientBound)) return;
        _paused = false;
        foreach (var reader in _outputs) if (reader is not null && !_resting) loop.Change(reader, Poll.In | (terminal && _input.Length > 0 ? Poll.Out : Poll.None));
    }

    /// <summary>After the process's end: takes what is still in the pipes, completes the log, and lets the clients go.</summary>
    public void Finish()
    {
        // A process that outlives an exec may hold the pipe and go on writing: what is there now is taken, not what may come.
        const int MostRounds = 4096;
        _finishing = true;
        for (int stream = 0; stream < 2; stream++)
        {
            for (int round = 0; round < MostRounds && ReadOutput(stream, ReadSize); round++) { }
            CloseOutput(stream);
        }
        CloseStdin();
        try { log?.Finish(); }
        catch (IOException error) { OnLogFailure?.Invoke(error.Message); }
        log?.Dispose();
        CloseClients();
    }

    /// <summary>Ends all attached connections once what waits for them has been sent.</summary>
    public void CloseClients()
    {
        foreach (var client in _clients.ToArray()) client.Connection.CloseWhenSent();
    }

    private void CloseOutput(int stream)
    {
        if (_outputs[stream] is not { } reader) return;
        loop.Remove(reader);
        reader.Dispose();
        _outputs[stream] = null;
        if (terminal) _stdin = null;
    }
}
