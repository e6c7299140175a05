using System.Security.Cryptography;
using System.Threading.Channels;

namespace Wharf.Daemon.Telemetry;

/// <summary>Where spans go, and how many wait for a slow collector.</summary>
internal sealed record SpanTarget(Uri Url, SpanOrigin Origin)
{
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
    public required int Waiting { get; init; }
    public required int Batch { get; init; }
    /// <summary>How long the end waits for what is left; null: until all is sent or given up.</summary>
    public TimeSpan? Patience { get; init; }
}

/// <summary>
/// Sends spans to an OpenTelemetry collector, OTLP over HTTP with JSON. When the collector is slow or away spans are dropped, never requests
/// held up.
/// </summary>
internal sealed class SpanExporter : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly SpanTarget _target;
    private readonly Action<int, string> _lost;
    private readonly Channel<Span> _spans;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5) }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Task _sending;

    /// <param name="target">Where to.</param>
    /// <param name="lost">Told how many spans did not arrive, and why.</param>
    public SpanExporter(SpanTarget target, Action<int, string> lost)
    {
        (_target, _lost) = (target, lost);
        _spans = Channel.CreateBounded<Span>(new BoundedChannelOptions(target.Waiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
        _sending = Task.Run(SendAllAsync);
    }

    public void Add(Span span) => _spans.Writer.TryWrite(span);

    public static string NewTraceId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
    public static string NewSpanId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    private async Task SendAllAsync()
    {
        var batch = new List<Span>();
        while (await _spans.Reader.WaitToReadAsync())
        {
            // A little later there are more; when it ends, at once.
            await Task.WhenAny(Task.Delay(Interval), _spans.Reader.Completion);
            batch.Clear();
            while (batch.Count < _target.Batch && _spans.Reader.TryRead(out var span)) batch.Add(span);
            await SendAsync(batch);
        }
    }

    private async Task SendAsync(List<Span> batch)
    {
        using var content = new ByteArrayContent(OtlpSpans.Encode(_target.Origin, batch)) { Headers = { ContentType = new("application/json") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, _target.Url) { Content = content };
        foreach (var (name, value) in _target.Headers) request.Headers.TryAddWithoutValidation(name, value);
        try
        {
            using var response = await _http.SendAsync(request);
            if (!response.IsSuccessStatusCode) _lost(batch.Count, $"status {(int)response.StatusCode}");
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException) { _lost(batch.Count, error.Message); }
    }

    public async ValueTask DisposeAsync()
    {
        _spans.Writer.TryComplete();
        await (_target.Patience is { } patience ? Task.WhenAny(_sending, Task.Delay(patience)) : _sending);
        _http.Dispose();
    }
}
