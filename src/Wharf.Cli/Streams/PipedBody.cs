using System.IO.Pipelines;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Copying;

namespace Wharf.Cli.Streams;

/// <summary>A request's body that is made while it is sent.</summary>
internal static class PipedBody
{
    /// <summary>Sends what <paramref name="write"/> writes; <paramref name="onSent"/> gets how many bytes went out, also when it failed.</summary>
    public static async Task<ApiResponse> SendAsync(DockerClient client, ApiRequest request, Func<Stream, CancellationToken, Task> write, Func<long, Task>? onSent, CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        var counted = new CountingStream(pipe.Reader.AsStream());
        var packing = PackAsync(write, pipe.Writer, cancellationToken);
        try
        {
            return await client.SendAsync(request with { BodyStream = counted }, cancellationToken);
        }
        finally
        {
            if (onSent is not null) await onSent(counted.Count);
            await pipe.Reader.CompleteAsync();
            await packing;
        }
    }

    private static async Task PackAsync(Func<Stream, CancellationToken, Task> write, PipeWriter output, CancellationToken cancellationToken)
    {
        try
        {
            await write(output.AsStream(leaveOpen: true), cancellationToken);
            await output.CompleteAsync();
        }
        catch (Exception e) when (e is CliException or IOException or UnauthorizedAccessException)
        {
            // The upload reads it from the pipe and fails with it: one error, told once.
            await output.CompleteAsync(e);
        }
    }
}
