namespace Wharf.Cli.ApiClient;

/// <summary>A response being read. Disposing it gives the connection back when the body was read to its end, and closes it otherwise.</summary>
internal sealed class ApiResponse(DockerClient client, HttpConnection connection, ResponseHead head, bool isEmpty, Task sending) : IAsyncDisposable
{
    private readonly ResponseBody body = new(connection, head, isEmpty);

    public ResponseHead Head => head;
    public Stream Body => body;

    public async Task<byte[]> ReadAllAsync(CancellationToken cancellationToken)
    {
        using var all = new MemoryStream();
        await body.CopyToAsync(all, cancellationToken);
        return all.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        if (body.IsComplete && head.KeepsAlive && sending.IsCompletedSuccessfully)
        {
            client.GiveBack(connection);
            return;
        }
        await connection.DisposeAsync();
        // The send ends with the connection; the response has already said what there is to say.
        if (!sending.IsCompleted) await sending.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
