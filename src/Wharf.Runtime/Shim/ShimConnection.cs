using System.Buffers.Binary;
using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>
/// A client of the shim. First it speaks the framed protocol; after an attach request it is the streams of a process: what it sends is
/// input, what it is sent is output.
/// </summary>
internal sealed class ShimConnection(EventLoop loop, Fd socket, Action<ShimConnection, ShimRequest> onRequest)
{
    private const int MaxFrame = 32 << 20;

    private readonly OutputBuffer _out = new();
    private byte[] _in = new byte[4096];
    private readonly List<Fd> _files = [];
    private int _filled;
    private bool _closeWhenSent, _inputPaused, _inputEnded;

    public bool Closed { get; private set; }
    /// <summary>Takes input once attached; an empty span is its end.</summary>
    public Action<ReadOnlyMemory<byte>>? OnInput { get; set; }
    public Action? OnClosed { get; set; }
    /// <summary>Called when waiting output has gone out.</summary>
    public Action? OnDrained { get; set; }
    public bool Attached { get; private set; }
    public int Waiting => _out.Length;
    /// <summary>When the reader last took something (milliseconds of Environment.TickCount64).</summary>
    public long LastProgress { get; private set; } = Environment.TickCount64;

    /// <summary>Descriptors that came with the last request; the caller owns them.</summary>
    public List<Fd> TakeFiles()
    {
        List<Fd> files = [.. _files];
        _files.Clear();
        return files;
    }

    public void Open() => loop.Add(socket, Poll.In, Handle);

    private void Handle(Poll ready)
    {
        if ((ready & Poll.Out) != 0) Flush();
        if (!Closed && (ready & (Poll.In | Poll.HangUp | Poll.Error)) != 0 && !_inputPaused && !_inputEnded) ReadInput();
        else if (!Closed && (ready & (Poll.HangUp | Poll.Error)) != 0) Close();
    }

    private void ReadInput()
    {
        if (_filled == _in.Length) Array.Resize(ref _in, _in.Length * 2);
        int count = Io.Receive(socket, _in.AsSpan(_filled), _files);
        if (count == Io.WouldBlock) return;
        if (count == Io.Ended)
        {
            if (!Attached)
            {
                Close();
                return;
            }
            // A half-close: no more input, but output still goes out.
            _inputEnded = true;
            Watch();
            OnInput?.Invoke(default);
            return;
        }
        _filled += count;
        if (Attached) Deliver();
        else ParseFrames();
    }

    private void ParseFrames()
    {
        int at = 0;
        while (_filled - at >= 4 && !Attached)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(_in.AsSpan(at));
            if (length is < 2 or > MaxFrame)
            {
                Close();
                return;
            }
            if (_filled - at - 4 < length)
            {
                if (_in.Length < length + 4) Array.Resize(ref _in, length + 4 + at);
                break;
            }
            ShimRequest? request;
            try { request = JsonSerializer.Deserialize(_in.AsSpan(at + 4, length), ShimJson.Default.ShimRequest); }
            catch (JsonException)
            {
                Close(); // whoever speaks here is not the engine
                return;
            }
            at += 4 + length;
            if (request is not null) onRequest(this, request);
            if (Closed) return;
        }
        Shift(at);
        if (Attached && _filled > 0) Deliver();
    }

    private void Shift(int count)
    {
        _in.AsSpan(count, _filled - count).CopyTo(_in);
        _filled -= count;
        if (_filled == 0 && _in.Length > 65536) _in = new byte[4096];
    }

    private void Deliver()
    {
        var data = _in.AsMemory(0, _filled).ToArray();
        _filled = 0;
        OnInput?.Invoke(data);
    }

    /// <summary>From here on the connection is a byte stream.</summary>
    public void BecomeStream() => Attached = true;

    public void PauseInput(bool paused)
    {
        if (_inputPaused == paused || Closed) return;
        _inputPaused = paused;
        Watch();
    }

    public void Respond(ShimResponse response) => SendFrame(JsonSerializer.SerializeToUtf8Bytes(response, ShimJson.Default.ShimResponse));
    public void Notify(ShimEvent notice) => SendFrame(JsonSerializer.SerializeToUtf8Bytes(notice, ShimJson.Default.ShimEvent));

    private void SendFrame(byte[] json)
    {
        Span<byte> head = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(head, json.Length);
        Send(head, json);
    }

    /// <summary>Sends bytes now as far as they fit, the rest when the reader takes more.</summary>
    public void Send(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        if (Closed) return;
        _out.Append(head);
        _out.Append(body);
        Flush();
    }

    private void Flush()
    {
        bool waited = _out.Length > 0;
        while (_out.Length > 0)
        {
            int count = Io.Write(socket, _out.Pending, socket: true);
            if (count == Io.Ended)
            {
                Close();
                return;
            }
            if (count == Io.WouldBlock) break;
            _out.Consume(count);
            LastProgress = Environment.TickCount64;
        }
        Watch();
        if (_out.Length > 0) return;
        if (waited) OnDrained?.Invoke();
        if (_closeWhenSent) Close();
    }

    private void Watch()
    {
        if (!Closed) loop.Change(socket, (_inputPaused || _inputEnded ? Poll.None : Poll.In) | (_out.Length > 0 ? Poll.Out : Poll.None));
    }

    /// <summary>Closes once everything has been sent.</summary>
    public void CloseWhenSent()
    {
        _closeWhenSent = true;
        if (_out.Length == 0) Close();
    }

    public void Close()
    {
        if (Closed) return;
        Closed = true;
        loop.Remove(socket);
        socket.Dispose();
        foreach (var file in TakeFiles()) file.Dispose();
        OnClosed?.Invoke();
    }
}
