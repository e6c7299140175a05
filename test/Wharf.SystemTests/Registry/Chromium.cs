using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>A real Chromium with one page, told what to do by its DevTools protocol. Every dialog of the page is answered with yes.</summary>
public sealed partial class Chromium : IAsyncDisposable
{
    private readonly string _profile = Directory.CreateTempSubdirectory("wharf-chromium-").FullName;
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _asked = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private Process? _process;
    private Task _reading = Task.CompletedTask;
    private int _serial;

    public static async Task<Chromium> OpenAsync(Uri page)
    {
        if (!File.Exists("/usr/bin/chromium")) Assert.Skip("no chromium on this machine");
        var browser = new Chromium();
        try
        {
            await browser.StartAsync();
            await browser.AskAsync("Page.enable", new { });
            await browser.GoAsync(page.ToString());
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo("/usr/bin/chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", $"--user-data-dir={_profile}", "--remote-debugging-port=0", "about:blank"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _process.OutputDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        Match? listening = null;
        while (listening is null && await _process.StandardError.ReadLineAsync(patience.Token) is { } line)
            if (ListeningPattern().Match(line) is { Success: true } match) listening = match;
        Assert.NotNull(listening);
        _ = DrainAsync(_process.StandardError);
        using var http = new HttpClient();
        for (string? url = null; url is null; await Task.Delay(50, patience.Token))
        {
            using var targets = JsonDocument.Parse(await http.GetStringAsync($"http://127.0.0.1:{listening.Groups[1].Value}/json/list", patience.Token));
            url = targets.RootElement.EnumerateArray().Where(target => target.GetProperty("type").GetString() == "page").Select(target => target.GetProperty("webSocketDebuggerUrl").GetString()).FirstOrDefault();
            if (url is not null) await _socket.ConnectAsync(new Uri(url), patience.Token);
        }
        _reading = Task.Run(ReadAsync);
    }

    private static async Task DrainAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is not null) { /* only so that it never waits for us */ }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[1 << 16];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer, _stop.Token);
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage) continue;
                var answer = JsonDocument.Parse(message.ToArray()).RootElement;
                message.SetLength(0);
                if (answer.TryGetProperty("id", out var id) && _asked.TryRemove(id.GetInt32(), out var waiting)) waiting.SetResult(answer);
                else if (answer.TryGetProperty("method", out var method) && method.GetString() == "Page.javascriptDialogOpening") await SendAsync("Page.handleJavaScriptDialog", new { accept = true }, Interlocked.Increment(ref _serial));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            foreach (var waiting in _asked.Values) waiting.TrySetException(error);
        }
    }

    private async Task SendAsync(string method, object parameters, int id)
    {
        await _sending.WaitAsync();
        try { await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters }), WebSocketMessageType.Text, true, _stop.Token); }
        finally { _sending.Release(); }
    }

    private async Task<JsonElement> AskAsync(string method, object parameters)
    {
        int id = Interlocked.Increment(ref _serial);
        var waiting = _asked[id] = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        await SendAsync(method, parameters, id);
        var answer = await waiting.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(answer.TryGetProperty("error", out var error), error.ToString());
        return answer.GetProperty("result");
    }

    public Task GoAsync(string url) => AskAsync("Page.navigate", new { url });

    /// <summary>What an expression in the page gives.</summary>
    public async Task<JsonElement> EvaluateAsync(string expression)
    {
        var result = await AskAsync("Runtime.evaluate", new { expression, awaitPromise = true, returnByValue = true });
        Assert.False(result.TryGetProperty("exceptionDetails", out var thrown), $"{expression}: {thrown}");
        return result.GetProperty("result").TryGetProperty("value", out var value) ? value : default;
    }

    /// <summary>Waits until an expression in the page is true.</summary>
    public async Task UntilAsync(string condition)
    {
        for (var until = DateTime.UtcNow.AddSeconds(60); (await EvaluateAsync($"Boolean({condition})")).ValueKind != JsonValueKind.True; await Task.Delay(50))
            Assert.True(DateTime.UtcNow < until, $"never true: {condition}; the page: {await EvaluateAsync("document.body && document.body.innerText")}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _socket.Dispose();
        if (_process is not null)
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        for (int i = 0; i < 20 && Directory.Exists(_profile); i++)
        {
            // Its children may still write for a moment.
            try { Directory.Delete(_profile, recursive: true); }
            catch (IOException) { await Task.Delay(100); }
        }
        _stop.Dispose();
        _sending.Dispose();
    }

    [GeneratedRegex(@"DevTools listening on ws://127\.0\.0\.1:([0-9]+)/")] private static partial Regex ListeningPattern();
}
