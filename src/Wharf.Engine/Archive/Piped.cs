using System.IO.Pipelines;

namespace Wharf.Engine.Archive;

/// <summary>A writer and a reader of one stream, at the same time and with little of it in memory.</summary>
internal static class Piped
{
    private const int Much = 1 << 20;

    /// <summary>
    /// Gives what <paramref name="read"/> gives. Should the writer fail, the reader gets its error in place of the rest, so that nothing that is not whole is taken for whole; and it is
    /// the writer's error that is told, whatever the reader made of it.
    /// </summary>
    public static async Task<T> RunAsync<T>(Func<Stream, Task> write, Func<Stream, Task<T>> read)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: Much, resumeWriterThreshold: Much / 2, useSynchronizationContext: false));
        var writing = Task.Run(() => WriteAsync(pipe.Writer, write));
        T result;
        try
        {
            await using var stream = pipe.Reader.AsStream();
            result = await read(stream).ConfigureAwait(false);
        }
        catch
        {
            await writing.ConfigureAwait(false);
            throw;
        }
        await writing.ConfigureAwait(false);
        return result;
    }

    /// <summary>The same for a reader that gives nothing.</summary>
    public static Task RunAsync(Func<Stream, Task> write, Func<Stream, Task> read) => RunAsync(write, async stream =>
    {
        await read(stream).ConfigureAwait(false);
        return true;
    });

    private static async Task WriteAsync(PipeWriter writer, Func<Stream, Task> write)
    {
        try
        {
            await using (var stream = writer.AsStream(leaveOpen: true)) await write(stream).ConfigureAwait(false);
            await writer.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            await writer.CompleteAsync(error).ConfigureAwait(false);
            throw;
        }
    }
}
