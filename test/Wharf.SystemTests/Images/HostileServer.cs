using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.SystemTests.Images;

/// <summary>A registry that answers whatever a test wants it to.</summary>
public sealed class HostileServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Dictionary<string, Func<HttpListenerContext, Task>> _answers = new(StringComparer.Ordinal);
    private readonly List<(string Path, string? Authorization)> _requests = [];

    public HostileServer()
    {
        Port = Fixtures.LocalRegistry.FreePort();
        _listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        _listener.Start();
        _ = ServeAsync();
    }

    public int Port { get; }
    public string Address => $"127.0.0.1:{Port}";
    public IReadOnlyList<(string Path, string? Authorization)> Requests { get { lock (_requests) return [.. _requests]; } }

    /// <summary>What answers where nothing else was told; null: 404.</summary>
    public Func<HttpListenerContext, Task>? Otherwise { get; set; }

    public void On(string path, Func<HttpListenerContext, Task> answer) => _answers[path] = answer;

    public void On(string path, byte[] body, string contentType = "application/octet-stream") => _answers[path] = async context =>
    {
        context.Response.ContentType = contentType;
        context.Response.ContentLength64 = body.Length;
        await context.Response.OutputStream.WriteAsync(body);
        context.Response.Close();
    };

    public void Forget(string path) => _answers.Remove(path);

    public static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Serves an image of one layer under <c>name:tag</c>; what is given replaces the honest value. Returns the manifest.</summary>
    public byte[] Serve(string name, byte[] layer, byte[]? layerServed = null, long? layerSize = null, string? diffId = null, string? more = null, string? layerMore = null, string mediaType = "application/vnd.oci.image.layer.v1.tar")
    {
        var config = Encoding.UTF8.GetBytes($$$"""{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["{{{diffId ?? DigestOf(layer)}}}"]}}""");
        var manifest = Encoding.UTF8.GetBytes($$$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{{DigestOf(config)}}}","size":{{{config.Length}}}},"layers":[{"mediaType":"{{{mediaType}}}","digest":"{{{DigestOf(layer)}}}","size":{{{layerSize ?? layer.Length}}}{{{layerMore}}}}]{{{more}}}}""");
        On($"/v2/{name}/manifests/latest", manifest, "application/vnd.oci.image.manifest.v1+json");
        On($"/v2/{name}/blobs/{DigestOf(config)}", config);
        On($"/v2/{name}/blobs/{DigestOf(layer)}", layerServed ?? layer);
        return manifest;
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try { context = await _listener.GetContextAsync(); }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException) { return; }
            _ = AnswerAsync(context);
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        lock (_requests) _requests.Add((context.Request.Url!.AbsolutePath, context.Request.Headers["Authorization"]));
        try
        {
            if (_answers.TryGetValue(context.Request.Url!.AbsolutePath, out var answer)) await answer(context);
            else if (Otherwise is { } otherwise) await otherwise(context);
            else
            {
                context.Response.StatusCode = context.Request.Url.AbsolutePath == "/v2/" ? 200 : 404;
                context.Response.Close();
            }
        }
        catch (Exception error) when (error is HttpListenerException or IOException or ObjectDisposedException) { /* the engine hung up, as it should */ }
    }

    public void Dispose() => _listener.Close();
}
