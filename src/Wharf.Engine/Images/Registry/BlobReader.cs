using System.Net;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// A blob as it comes from a registry. After a cut it is asked for again from where it stopped; where the registry knows no ranges, what was read is passed over. Owns the answer it
/// reads from.
/// </summary>
/// <param name="open">Asks for the blob from an offset on; throws for what is no success.</param>
/// <param name="answer">The first answer, from offset 0.</param>
/// <param name="attempts">Attempts that may fail without a byte more.</param>
internal sealed class BlobReader(Func<long, CancellationToken, Task<HttpResponseMessage>> open, HttpResponseMessage answer, int attempts) : ReadOnlyStream
{
    private HttpResponseMessage _answer = answer;
    private Stream? _stream;
    private long _offset, _skip;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                _stream ??= await _answer.Content.ReadAsStreamAsync(cancellationToken);
                int count = await ReadBeyondSkippedAsync(_stream, buffer, cancellationToken);
                _offset += count;
                return count;
            }
            catch (Exception error) when (error is HttpRequestException or IOException && attempt < attempts && !cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(RegistryConnection.Backoff(attempt), cancellationToken);
                _stream = null;
                _answer.Dispose();
                _answer = await open(_offset, cancellationToken);
                _skip = _answer.StatusCode == HttpStatusCode.PartialContent ? 0 : _offset;
                if (_answer.Content.Headers.ContentRange is { From: { } start } && start != _offset) throw WharfException.Unavailable($"asked for bytes from {_offset}, got them from {start}");
            }
        }
    }

    private async ValueTask<int> ReadBeyondSkippedAsync(Stream stream, Memory<byte> buffer, CancellationToken cancellation)
    {
        while (_skip > 0)
        {
            int count = await stream.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _skip)], cancellation);
            if (count == 0) throw new IOException($"the connection was closed before byte {_offset}");
            _skip -= count;
        }
        return await stream.ReadAsync(buffer, cancellation);
    }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException("asynchronous only");

    protected override void Dispose(bool disposing)
    {
        if (disposing) _answer.Dispose();
        base.Dispose(disposing);
    }
}
