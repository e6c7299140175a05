using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Registry;

/// <summary>A small HTTP server on 127.0.0.1 that answers every request with JSON.</summary>
public sealed class HttpAnswers : IDisposable
{
    private readonly HttpListener _listener = new();

    /// <summary>How an answer begins that sends the client elsewhere.</summary>
    public const string Elsewhere = "Location: ";

    /// <param name="answer">The body for a URL, or after <see cref="Elsewhere"/> another URL.</param>
    /// <param name="seen">Told of each request's path and body.</param>
    public HttpAnswers(Func<string, string> answer, Action<string, string>? seen = null) : this(async context =>
    {
        using var reader = new StreamReader(context.Request.InputStream);
        seen?.Invoke(context.Request.Url!.AbsolutePath, await reader.ReadToEndAsync());
        var body = answer(context.Request.Url!.ToString());
        context.Response.ContentType = "application/json";
        if (body.StartsWith(Elsewhere, StringComparison.Ordinal)) context.Response.Redirect(body[Elsewhere.Length..]);
        else await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
        context.Response.Close();
    })
    {
    }

    /// <param name="answer">Answers one request after the other, and closes each.</param>
    public HttpAnswers(Func<HttpListenerContext, Task> answer)
    {
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            Url = $"http://{socket.LocalEndPoint}";
        }
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = Task.Run(async () =>
        {
            try
            {
                while (true) await answer(await _listener.GetContextAsync());
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException) { /* stopped */ }
        });
    }

    public string Url { get; }
    public void Dispose() => _listener.Close();
}
