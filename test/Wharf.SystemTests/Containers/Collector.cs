using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wharf.SystemTests.Containers;

/// <summary>A request that a <see cref="Collector"/> got.</summary>
internal sealed record Collected(string Method, string Path, WebHeaderCollection Headers, string Body)
{
    /// <summary>The JSON values in the body, which may stand one behind another.</summary>
    public List<JsonNode> Values()
    {
        var values = new List<JsonNode>();
        var bytes = Encoding.UTF8.GetBytes(Body);
        for (int at = 0; at < bytes.Length;)
        {
            var reader = new Utf8JsonReader(bytes.AsSpan(at), new JsonReaderOptions { AllowMultipleValues = true });
            values.Add(JsonNode.Parse(ref reader)!);
            at += (int)reader.BytesConsumed;
        }
        return values;
    }
}

/// <summary>Stands for a service in the cloud that takes logs over HTTP: keeps what it is sent, and answers as it is told to.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentQueue<Collected> _requests = new();
    private readonly SemaphoreSlim _came = new(0);
    private readonly Func<Collected, (int Status, string Body)> _answer;
    private readonly Task _serving;

    public Collector(Func<Collected, (int, string)>? answer = null)
    {
        _answer = answer ?? (_ => (200, "{}"));
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        }
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Address { get; }
    public IReadOnlyCollection<Collected> Requests => _requests;

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try { context = await _listener.GetContextAsync(); }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException) { return; /* stopped */ }
            Stream body = context.Request.InputStream;
            if (context.Request.Headers["Content-Encoding"] == "gzip") body = new GZipStream(body, CompressionMode.Decompress);
            var request = new Collected(context.Request.HttpMethod, context.Request.RawUrl ?? "", (WebHeaderCollection)context.Request.Headers, await new StreamReader(body).ReadToEndAsync());
            var (status, text) = _answer(request);
            context.Response.StatusCode = status;
            context.Response.Close(Encoding.UTF8.GetBytes(text), willBlock: false);
            _requests.Enqueue(request);
            _came.Release();
        }
    }

    /// <summary>Waits until what came satisfies the condition.</summary>
    public async Task UntilAsync(Func<IReadOnlyCollection<Collected>, bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition(_requests))
        {
            try { await _came.WaitAsync(patience.Token); }
            catch (OperationCanceledException) { throw new TimeoutException("what came is not all: " + string.Join('\n', _requests.Select(request => $"{request.Method} {request.Path} {request.Body}"))); }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
        _came.Dispose();
    }
}
