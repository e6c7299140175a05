using System.Buffers;
using System.Net.Sockets;
using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Engine.Shims;

namespace Wharf.Daemon.Api;

/// <summary>Why a relay ended.</summary>
internal enum RelayEnd { ProcessEnded, ClientGone, Detached }

/// <summary>Carries bytes between a client's raw connection and a process's streams until one of them is done.</summary>
internal static class StreamRelay
{
    private const int BufferSize = 32768;

    /// <summary>
    /// Both ways at once. Ends when the process does, when the client is gone, or when it types its detach keys (<paramref name="detachKeys"/>,
    /// for terminals). The client's half-close becomes the end of the process's stdin; output still flows, by <paramref name="through"/> if that is given;
    /// unless <paramref name="endsWithInput"/>, which is how docker treats clients of a container whose input stays open for others.
    /// </summary>
    public static async Task<RelayEnd> RunAsync(HijackedConnection client, AttachedStream process, bool stdin, byte[]? detachKeys, Stream? through = null, bool endsWithInput = false)
    {
        using var ended = new CancellationTokenSource();
        var output = CopyOutputAsync(process, through ?? client.Output, ended.Token);
        var input = stdin ? CopyInputAsync(client.Input, process, detachKeys, ended.Token) : Task.FromResult(InputEnd.Broken);
        var first = await Task.WhenAny(output, input);
        var how = first == input ? await input : InputEnd.Broken;
        bool detached = how == InputEnd.Detached, left = endsWithInput && how == InputEnd.Complete;
        bool complete = !detached && !left && await output;
        await ended.CancelAsync();
        await Task.WhenAll(output, input);
        return detached ? RelayEnd.Detached : complete ? RelayEnd.ProcessEnded : RelayEnd.ClientGone;
    }

    /// <summary>True when all output has been passed on, false when the client is gone or the relay over.</summary>
    private static async Task<bool> CopyOutputAsync(Stream process, Stream client, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int count;
            while ((count = await process.ReadAsync(buffer, cancellation)) > 0) await client.WriteAsync(buffer.AsMemory(0, count), cancellation);
            return true;
        }
        catch (Exception error) when (IsEndOfConnection(error))
        {
            // The client has gone, or the relay is over: the process and its log go on without it.
            return false;
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    private enum InputEnd { Broken, Complete, Detached }

    private static async Task<InputEnd> CopyInputAsync(Stream client, AttachedStream process, byte[]? detachKeys, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        var keys = detachKeys is null ? null : new DetachKeys(detachKeys);
        var passed = new List<byte>();
        try
        {
            int count;
            while ((count = await client.ReadAsync(buffer, cancellation)) > 0)
            {
                if (keys is null)
                {
                    await process.WriteAsync(buffer.AsMemory(0, count), cancellation);
                    continue;
                }
                passed.Clear();
                bool detach = keys.Filter(buffer.AsSpan(0, count), passed);
                if (passed.Count > 0) await process.WriteAsync(passed.ToArray(), cancellation);
                if (detach) return InputEnd.Detached;
            }
            process.ShutdownWrite();
            return InputEnd.Complete;
        }
        catch (Exception error) when (IsEndOfConnection(error))
        {
            // One side is gone; the output's end tells the rest.
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
        return InputEnd.Broken;
    }

    private static bool IsEndOfConnection(Exception error) => error is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;
}
