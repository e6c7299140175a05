using Wharf.Cli.ApiClient;
using Wharf.Cli.Output;

namespace Wharf.Cli.Streams;

/// <summary>How a session's streams are joined to the user's.</summary>
internal sealed record SessionOptions
{
    /// <summary>The container has a terminal: one raw stream, and the user's own terminal in raw mode.</summary>
    public bool Tty { get; init; }
    /// <summary>Send the user's stdin.</summary>
    public bool Stdin { get; init; }
    public Stream? Output { get; init; }
    public Stream? Error { get; init; }
    public string DetachKeys { get; init; } = "";
}

/// <summary>Joins the user's terminal or pipes to a hijacked connection until the container's output ends or the user detaches.</summary>
internal sealed class StreamSession(CliContext cli, HijackedStream stream, SessionOptions options)
{
    /// <summary>True when the user typed the detach keys.</summary>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var isRaw = options.Tty && options.Stdin && Terminal.IsTerminal(0);
        using var mode = isRaw ? Terminal.EnterRawMode(0) : null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var output = CopyOutputAsync(stop.Token);
        var input = options.Stdin ? CopyInputAsync(isRaw, stop.Token) : Task.FromResult(false);
        if (!options.Stdin && options.Output is null && options.Error is null) return false;
        try
        {
            // Input that ends is half a conversation: the output still comes. Only detaching ends both.
            if (await Task.WhenAny(output, input) == input && await input) return true;
            await output;
            return false;
        }
        finally
        {
            await stop.CancelAsync();
        }
    }

    private async Task CopyOutputAsync(CancellationToken cancellationToken)
    {
        var output = options.Output ?? Stream.Null;
        if (!options.Tty)
        {
            await Demultiplexer.CopyAsync(target => stream.ReadAsync(target, cancellationToken), output, options.Error ?? Stream.Null, cancellationToken);
            return;
        }
        var buffer = new byte[32 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0) await output.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
    }

    private async Task<bool> CopyInputAsync(bool isRaw, CancellationToken cancellationToken)
    {
        var keys = isRaw ? DetachKeys.Parse(options.DetachKeys is { Length: > 0 } set ? set : cli.Config.Text("detachKeys") ?? DetachKeys.Default) : null;
        var buffer = new byte[32 * 1024];
        using var filtered = new MemoryStream();
        try
        {
            int read;
            while ((read = await cli.InputStream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                var send = buffer.AsMemory(0, read);
                if (keys is not null)
                {
                    filtered.SetLength(0);
                    if (keys.Filter(send.Span, filtered)) return true;
                    send = filtered.GetBuffer().AsMemory(0, (int)filtered.Length);
                }
                await stream.WriteAsync(send, cancellationToken);
            }
            await stream.CloseWriteAsync();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        catch (IOException)
        {
            // The container stopped reading (it exited); its output says how it ended.
            return false;
        }
        return false;
    }
}
