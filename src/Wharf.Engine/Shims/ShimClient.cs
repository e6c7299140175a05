using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Shims;

/// <summary>
/// The engine's side of the shim's socket. Starts the shim when there is none, finds it again after a daemon restart, and
/// multiplexes requests over one connection.
/// </summary>
public sealed partial class ShimClient(DaemonOptions options, ILogger<ShimClient> log) : IAsyncDisposable
{
    private const int MostConnects = 3;
    private static readonly TimeSpan ConnectPause = TimeSpan.FromMilliseconds(50), RestartPause = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<long, TaskCompletionSource<ShimResponse>> _pending = new();
    private readonly ConcurrentDictionary<string, long> _handedOver = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private Socket? _requests;
    private long _seq;

    private string Root => Path.Combine(options.ExecRoot, "shim");
    private string SocketPath => Path.Combine(Root, "shim.sock");

    /// <summary>Exits and OOMs; called in order, one at a time. Set before <see cref="ConnectAsync"/>.</summary>
    public Func<ShimEvent, Task>? OnEvent { get; set; }

    /// <summary>Called when the shim went away and another had to be started, with what the new one knows.</summary>
    public Func<IReadOnlyList<ShimContainer>, Task>? OnRestarted { get; set; }

    /// <summary>Starts the shim if none runs, so that <see cref="ConnectAsync"/> finds it.</summary>
    public async Task WakeAsync(CancellationToken cancellation)
    {
        await _connecting.WaitAsync(cancellation);
        try
        {
            using var socket = await OpenAsync(cancellation);
        }
        finally { _connecting.Release(); }
    }

    /// <summary>Connects (starting the shim if none runs) and returns what it knows, before any event is delivered.</summary>
    public async Task<IReadOnlyList<ShimContainer>> ConnectAsync(CancellationToken cancellation)
    {
        await _connecting.WaitAsync(cancellation);
        try
        {
            for (int tries = 1; ; tries++)
            {
                try { return await ConnectOnceAsync(cancellation); }
                catch (Exception error) when (tries < MostConnects && error is SocketException or WharfException { Kind: ErrorKind.Unavailable })
                {
                    // A shim that is just being killed may still have taken the connection.
                    await Task.Delay(ConnectPause, cancellation);
                }
            }
        }
        finally { _connecting.Release(); }
    }

    private async Task<IReadOnlyList<ShimContainer>> ConnectOnceAsync(CancellationToken cancellation)
    {
        var requests = await OpenAsync(cancellation);
        Interlocked.Exchange(ref _requests, requests)?.Dispose();
        _ = ReceiveAsync(requests);
        var known = await SendAsync(new ShimRequest { List = new ListRequest() }, cancellation);
        var events = await OpenAsync(cancellation);
        try { await ShimFrames.WriteAsync(events, new ShimRequest { Subscribe = new SubscribeRequest() }, cancellation); }
        catch
        {
            events.Dispose();
            throw;
        }
        _ = ListenAsync(events);
        return known.Containers ?? [];
    }

    /// <summary>Sends a request and waits for its response; a ShimError becomes a <see cref="ShimException"/>.</summary>
    public async Task<ShimResponse> SendAsync(ShimRequest request, CancellationToken cancellation)
    {
        var socket = _requests ?? throw WharfException.Unavailable("the shim is not connected");
        var completion = new TaskCompletionSource<ShimResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        request.Seq = Interlocked.Increment(ref _seq);
        _pending[request.Seq] = completion;
        try
        {
            var frame = ShimFrames.Encode(request);
            // Once begun, a frame is sent whole: a cancelled caller stops waiting, it does not tear the stream.
            await _sending.WaitAsync(cancellation);
            try { await ShimFrames.SendAllAsync(socket, frame, _stop.Token); }
            finally { _sending.Release(); }
            var response = await completion.Task.WaitAsync(cancellation);
            return response.Error is null ? response : throw new ShimException(response.Error);
        }
        catch (SocketException error)
        {
            throw WharfException.Unavailable($"the shim does not answer: {error.Message}", error);
        }
        finally { _pending.TryRemove(request.Seq, out _); }
    }

    /// <summary>Opens the streams of a container or exec (see <see cref="AttachRequest"/>); the caller owns the stream. ShutdownWrite ends stdin.</summary>
    public async Task<AttachedStream> AttachAsync(AttachRequest request, CancellationToken cancellation)
    {
        var socket = await OpenAsync(cancellation);
        try
        {
            await ShimFrames.WriteAsync(socket, new ShimRequest { Attach = request }, cancellation);
            await RequireDoneAsync(socket, cancellation);
            return new AttachedStream(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Gives a container's next start what it is to write to (see <see cref="HandOverRequest"/>). The files stay the caller's.</summary>
    public async Task HandOverAsync(string id, IReadOnlyList<Fd> files, CancellationToken cancellation)
    {
        using var socket = await OpenAsync(cancellation);
        FdSocket.Send((int)socket.Handle, ShimFrames.Encode(new ShimRequest { HandOver = new HandOverRequest { Id = id } }), [.. files]);
        await RequireDoneAsync(socket, cancellation);
        _handedOver[id] = Environment.TickCount64;
    }

    /// <summary>Whether streams were handed over for a start, which takes them, and wait there still.</summary>
    public bool HasStreams(string id) => _handedOver.TryRemove(id, out long since) && Environment.TickCount64 - since < HandOverRequest.Patience.TotalMilliseconds;

    private static async Task RequireDoneAsync(Socket socket, CancellationToken cancellation)
    {
        var response = await ShimFrames.ReadAsync(socket, ShimJson.Default.ShimResponse, cancellation) ?? throw WharfException.Unavailable("the shim closed the connection");
        if (response.Error is not null) throw new ShimException(response.Error);
    }

    private async Task ReceiveAsync(Socket socket)
    {
        try
        {
            while (await ShimFrames.ReadAsync(socket, ShimJson.Default.ShimResponse, _stop.Token) is { } response)
                if (_pending.TryGetValue(response.Seq, out var completion)) completion.TrySetResult(response);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException) { /* told to those who wait, below */ }
        foreach (var completion in _pending.Values) completion.TrySetException(WharfException.Unavailable("the shim closed the connection"));
    }

    private async Task ListenAsync(Socket socket)
    {
        using var events = socket;
        try
        {
            await ShimFrames.ReadAsync(events, ShimJson.Default.ShimResponse, _stop.Token); // the answer to Subscribe
            while (await ShimFrames.ReadAsync(events, ShimJson.Default.ShimEvent, _stop.Token) is { } notice)
                await TellAsync(notice);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException) { /* gone, or we stop: decided below */ }
        if (!_stop.IsCancellationRequested) await RestartAsync();
    }

    // What goes wrong with one event must not end the hearing of the others.
    private async Task TellAsync(ShimEvent notice)
    {
        try { if (OnEvent is not null) await OnEvent(notice); }
        catch (Exception error) when (error is not OperationCanceledException) { log.EventFailed(error); }
    }

    // The shim was killed. Another takes up its records, ends what is left of its containers, and tells their exits.
    private async Task RestartAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    var known = await ConnectAsync(_stop.Token);
                    if (OnRestarted is not null) await OnRestarted(known);
                    return;
                }
                catch (Exception error) when (error is SocketException or WharfException)
                {
                    log.NoOtherShim(error);
                    await Task.Delay(RestartPause, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException) { /* we stop */ }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _requests?.Dispose();
        _stop.Dispose();
    }
}

/// <summary>The shim refused or failed a request.</summary>
public sealed class ShimException(ShimError error) : Exception(error.Message)
{
    public ShimError Error { get; } = error;
}

/// <summary>A duplex byte stream whose sending side can be closed on its own.</summary>
public sealed class AttachedStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
{
    public void ShutdownWrite()
    {
        try { Socket.Shutdown(SocketShutdown.Send); }
        catch (SocketException) { /* the process has ended and the shim closed the connection: its input is over anyhow */ }
    }
}
