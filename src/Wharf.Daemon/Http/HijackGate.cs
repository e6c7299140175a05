using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace Wharf.Daemon.Http;

/// <summary>
/// Stands between Kestrel's transport and its HTTP parser on each connection, for what docker's hijacked streams need and Kestrel
/// does not allow: a POST with a body that also asks for an upgrade, and output that goes on after the client closed its half.
/// </summary>
public sealed class HijackGate : IDisposable
{
    /// <summary>How often it is looked whether a client that ended its input still waits, and how many times.</summary>
    private static readonly TimeSpan HalfCloseTick = TimeSpan.FromMilliseconds(50);
    private const int HalfCloseTicks = 200, HalfCloseGrace = 20;

    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenRegistration _registration;
    private readonly System.Net.Sockets.Socket? _socket;

    private HijackGate(ConnectionContext connection)
    {
        _socket = connection.Features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature>()?.Socket;
        _registration = connection.ConnectionClosed.UnsafeRegister(static gate => _ = ((HijackGate)gate!).OnInputEndedAsync(), this);
        connection.ConnectionClosed = _closed.Token;
        connection.Transport = new Duplex(new HeadReader(connection.Transport.Input, this), connection.Transport.Output);
        connection.Features.Set(this);
    }

    /// <summary>Set by the handler that takes the connection over.</summary>
    public bool Hijacked { get; set; }

    /// <summary>True from a request's head to the end of its handler: what is read then is body, not head.</summary>
    public bool InRequest { get; set; }

    /// <summary>Set when a hijack has ended: its input may still be held by whoever read it, and Kestrel is shown the end instead.</summary>
    public bool Ended { get; set; }

    /// <summary>The connection middleware.</summary>
    public static ConnectionDelegate Use(ConnectionDelegate next) => async connection =>
    {
        using var gate = new HijackGate(connection);
        await next(connection);
    };

    private async Task OnInputEndedAsync()
    {
        // Kestrel takes the end of input for the end of the connection and would drop all output. A client that is gone shall have that.
        // One that only closed its half gets the answer to its request if that does not take for ever; and right behind a head it has
        // not been seen yet whether the request is a hijack, hence the first ticks.
        for (int tick = 0; tick < HalfCloseTicks && !Hijacked && (InRequest || tick < HalfCloseGrace) && !IsGone(); tick++) await Task.Delay(HalfCloseTick);
        if (Hijacked) return;
        try { await _closed.CancelAsync(); }
        catch (ObjectDisposedException) { /* the connection ended meanwhile: nobody is left to tell */ }
    }

    private bool IsGone()
    {
        try { return _socket is { SafeHandle.IsClosed: false } socket && Linux.Fds.HangUp.IsSeen(socket.Handle); }
        catch (ObjectDisposedException) { return true; }
    }

    public void Dispose()
    {
        _registration.Dispose();
        _closed.Dispose();
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>
    /// Hides the word Upgrade in a request's Connection header from Kestrel, which refuses it together with a body. The Upgrade
    /// header itself stays for the handler to see. Bodies are never touched.
    /// </summary>
    private sealed class HeadReader(PipeReader inner, HijackGate gate) : PipeReader
    {
        private long _shownBeforeEnd = -1;

        private static readonly ReadResult End = new(ReadOnlySequence<byte>.Empty, isCanceled: false, isCompleted: true);

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => gate.Ended ? End : Prepare(await inner.ReadAsync(cancellationToken));

        public override bool TryRead(out ReadResult result)
        {
            if (gate.Ended)
            {
                result = End;
                return true;
            }
            bool any = inner.TryRead(out result);
            if (any) result = Prepare(result);
            return any;
        }

        private ReadResult Prepare(ReadResult result)
        {
            if (!gate.InRequest) HideUpgrade(result.Buffer);
            if (!result.IsCompleted || result.Buffer.IsEmpty || result.Buffer.Length == _shownBeforeEnd) return result;
            // Kestrel refuses a body whose last bytes come together with the end of input, though they are all there. The end is
            // told by the next read, or at once when the reader could do nothing with the bytes.
            _shownBeforeEnd = result.Buffer.Length;
            return new ReadResult(result.Buffer, result.IsCanceled, isCompleted: false);
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            if (!gate.Ended) inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();
        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        private static void HideUpgrade(ReadOnlySequence<byte> buffer)
        {
            // Heads that docker's clients send with an upgrade are small; one split over segments is copied to be searched.
            if (buffer.Length is 0 or > 32768) return;
            var bytes = buffer.IsSingleSegment ? buffer.FirstSpan : buffer.ToArray();
            int end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0) return;
            var head = Encoding.ASCII.GetString(bytes[..end]);
            int line = head.IndexOf("\r\nConnection:", StringComparison.OrdinalIgnoreCase);
            if (line < 0) return;
            int lineEnd = head.IndexOf("\r\n", line + 2, StringComparison.Ordinal) is >= 0 and var found ? found : head.Length;
            int word = head.IndexOf("upgrade", line + 13, lineEnd - line - 13, StringComparison.OrdinalIgnoreCase);
            // An upgrade to h2c or a web socket is left to Kestrel and to those who handle it.
            if (word < 0 || !head.Contains("\r\nUpgrade: tcp", StringComparison.OrdinalIgnoreCase)) return;
            var at = buffer.Slice(word, 1);
            MemoryMarshal.AsMemory(at.First).Span[0] = (byte)'x';
        }
    }
}
