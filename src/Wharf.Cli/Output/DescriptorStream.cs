using System.Runtime.InteropServices;

namespace Wharf.Cli.Output;

/// <summary>
/// Reads or writes one of the process's own descriptors with plain read(2) and write(2). FileStream would keep an offset of its own
/// for a redirected file and overwrite what others appended; Console would change the terminal's settings.
/// </summary>
internal sealed unsafe class DescriptorStream(int descriptor, bool isInput) : Stream
{
    public override bool CanRead => isInput;
    public override bool CanWrite => !isInput;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var read = TerminalNative.Read(descriptor, start, (nuint)buffer.Length);
                if (read >= 0) return (int)read;
                WaitOrThrow(TerminalNative.POLLIN);
            }
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            for (var done = 0; done < buffer.Length;)
            {
                var written = TerminalNative.Write(descriptor, start + done, (nuint)(buffer.Length - done));
                if (written >= 0) done += (int)written;
                else WaitOrThrow(TerminalNative.POLLOUT);
            }
        }
    }

    /// <summary>Someone else may have made the shared file description non-blocking: then wait as a blocking one would.</summary>
    private void WaitOrThrow(short events)
    {
        var errno = Marshal.GetLastPInvokeError();
        if (errno == TerminalNative.EINTR) return;
        if (errno != TerminalNative.EAGAIN) throw new IOException(Marshal.GetPInvokeErrorMessage(errno), errno);
        var poll = new TerminalNative.PollDescriptor { Descriptor = descriptor, Events = events };
        _ = TerminalNative.Poll(ref poll, 1, -1);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>A read may block for ever, so it gets a thread that does not keep the process alive.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // What is there already needs no thread: a pipe being copied is mostly in this state.
        var poll = new TerminalNative.PollDescriptor { Descriptor = descriptor, Events = TerminalNative.POLLIN };
        if (TerminalNative.Poll(ref poll, 1, 0) == 1) return new ValueTask<int>(Read(buffer.Span));
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.TrySetResult(Read(buffer.Span));
            }
            catch (IOException e)
            {
                done.TrySetException(e);
            }
        }, 128 * 1024)
        { IsBackground = true }.Start();
        return cancellationToken.CanBeCanceled ? new ValueTask<int>(done.Task.WaitAsync(cancellationToken)) : new ValueTask<int>(done.Task);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
