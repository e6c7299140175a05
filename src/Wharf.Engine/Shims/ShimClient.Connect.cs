using System.Diagnostics;
using System.Net.Sockets;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Shims;

/// <summary>Finding the shim, or starting it.</summary>
public sealed partial class ShimClient
{
    private async Task<Socket> OpenAsync(CancellationToken cancellation)
    {
        if (await TryOpenAsync(cancellation) is { } socket) return socket;
        await StartShimAsync(cancellation);
        return await TryOpenAsync(cancellation) ?? throw WharfException.Unavailable($"the shim does not serve {SocketPath}");
    }

    private async Task<Socket?> TryOpenAsync(CancellationToken cancellation)
    {
        if (!File.Exists(SocketPath)) return null; // told sooner than by an exception, which costs a start some milliseconds
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellation);
            RequireOwnUser(socket);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose(); // nobody serves it
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // Whoever holds the socket is told how to run containers: it must be the same user (SECURITY invariant 10).
    private static void RequireOwnUser(Socket socket)
    {
        if (Linux.Sockets.PeerUser.Of(socket) is var uid && uid != Linux.Syscalls.Libc.geteuid()) throw WharfException.Unavailable($"the shim's socket is served by user {uid}");
    }

    private async Task StartShimAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(Root);
        var start = new ProcessStartInfo(options.RuntimePath, ["shim", "--root", Root]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = "/" };
        // One arena and a small heap: the shim is to stay small with hundreds of containers.
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x8000000";
        start.Environment["DOTNET_GCConserveMemory"] = "9";
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        Process shim;
        try { shim = Process.Start(start)!; }
        catch (System.ComponentModel.Win32Exception error) { throw WharfException.Unavailable($"cannot start {options.RuntimePath}: {error.Message}", error); }
        shim.StandardInput.Close();
        var said = await shim.StandardOutput.ReadLineAsync(cancellation);
        if (said == "ready") return;
        var complaint = await shim.StandardError.ReadToEndAsync(cancellation);
        throw WharfException.Unavailable($"the shim did not start: {complaint.Trim()}");
    }

    /// <summary>Ends the shim if it has no container, and says whether none is left; a shim that looks after one stays.</summary>
    public async Task<bool> ShutdownIfIdleAsync(CancellationToken cancellation)
    {
        await _stop.CancelAsync();
        if (await TryOpenAsync(cancellation) is not { } socket) return true;
        using (socket)
        {
            try
            {
                await ShimFrames.WriteAsync(socket, new ShimRequest { Shutdown = new ShutdownRequest() }, cancellation);
                var response = await ShimFrames.ReadAsync(socket, ShimJson.Default.ShimResponse, cancellation);
                if (response is { Error: not null }) return false;
                if (response is not null) await ShimFrames.ReadAsync(socket, ShimJson.Default.ShimResponse, cancellation); // its end
            }
            catch (SocketException) { /* reset: it has gone, which is what it was asked to do */ }
        }
        return true;
    }
}
