using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>
/// Posts events to a URL, one after the other, at least once each: an event lies in a directory until the receiver has answered 2xx. After
/// a failure it waits twice as long each time, and gives an event up after a day.
/// </summary>
public sealed class Webhook : IAsyncDisposable
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1), Longest = TimeSpan.FromMinutes(5), GiveUp = TimeSpan.FromDays(1);
    private const int MaxQueued = 100_000;

    private readonly WebhookConfig _config;
    private readonly string _directory;
    private readonly RegistryMetrics _metrics;
    private readonly ILogger _log;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = TimeSpan.FromSeconds(30) };
    private readonly SemaphoreSlim _more = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private long _serial;
    private int _queued;

    /// <param name="config">Where to and what.</param>
    /// <param name="directory">Where events wait; its files are named in the order they happened.</param>
    public Webhook(WebhookConfig config, string directory, RegistryMetrics metrics, ILogger log)
    {
        (_config, _directory, _metrics, _log) = (config, directory, metrics, log);
        Directory.CreateDirectory(directory);
        var left = Directory.GetFiles(directory);
        _queued = left.Length;
        _serial = left.Select(path => long.TryParse(Path.GetFileNameWithoutExtension(path), out long number) ? number : 0).DefaultIfEmpty(0).Max();
        _worker = Task.Run(WorkAsync);
        if (left.Length > 0) _more.Release();
    }

    public bool Wants(string action) => _config.Events.Count == 0 ? action != "pull" : _config.Events.Contains(action);

    public void Enqueue(string id, byte[] json)
    {
        if (Interlocked.Increment(ref _queued) > MaxQueued)
        {
            Interlocked.Decrement(ref _queued);
            _metrics.WebhooksFailed.Add(1);
            return;
        }
        var name = Path.Combine(_directory, $"{Interlocked.Increment(ref _serial):D16}");
        File.WriteAllBytes(name + ".tmp", json);
        File.Move(name + ".tmp", name + ".json");
        _more.Release();
    }

    private async Task WorkAsync()
    {
        try
        {
            while (true)
            {
                await _more.WaitAsync(_stop.Token);
                foreach (var path in Directory.GetFiles(_directory, "*.json").Order(StringComparer.Ordinal)) await DeliverAsync(path);
            }
        }
        catch (OperationCanceledException) { /* stopping: what is left goes out after the next start */ }
    }

    private async Task DeliverAsync(string path)
    {
        var body = await File.ReadAllBytesAsync(path, _stop.Token);
        for (var wait = First; ; wait = wait * 2 < Longest ? wait * 2 : Longest)
        {
            if (await TryAsync(body))
            {
                _metrics.WebhooksSent.Add(1);
                break;
            }
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > GiveUp)
            {
                _metrics.WebhooksFailed.Add(1);
                break;
            }
            await Task.Delay(wait, _stop.Token);
        }
        File.Delete(path);
        Interlocked.Decrement(ref _queued);
    }

    private async Task<bool> TryAsync(byte[] body)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _config.Url) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            foreach (var (name, value) in _config.Headers) request.Headers.TryAddWithoutValidation(name, value);
            if (_config.Secret is { } secret) request.Headers.TryAddWithoutValidation("X-Wharf-Signature", "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body)));
            using var response = await _http.SendAsync(request, _stop.Token);
            if (response.IsSuccessStatusCode) return true;
            _log.WebhookRefused(_config.Url, (int)response.StatusCode);
        }
        catch (Exception error) when (!_stop.IsCancellationRequested && error is HttpRequestException or TaskCanceledException)
        {
            _log.WebhookFailed(_config.Url, error.Message);
        }
        return false;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _worker;
        _http.Dispose();
        _stop.Dispose();
    }
}
