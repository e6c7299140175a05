using System.Net;
using System.Xml;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Requests to a store elsewhere. What fails for a passing reason is tried again.</summary>
internal sealed class StoreHttp(string store) : IDisposable
{
    private const int Attempts = 5;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Sends a request, which is made and signed anew for each attempt.</summary>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var request = make();
            try
            {
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
                if ((int)response.StatusCode < 500 && response.StatusCode != HttpStatusCode.TooManyRequests || attempt == Attempts) return response;
                response.Dispose();
            }
            catch (HttpRequestException error) when (attempt == Attempts) { throw WharfException.Unavailable($"the {store} store does not answer: {error.Message}", error); }
            catch (HttpRequestException) { /* tried again */ }
            await Task.Delay(TimeSpan.FromMilliseconds(100 << attempt), cancellation);
        }
    }

    /// <summary>A part of a file as a body.</summary>
    public static StreamContent Part(string path, long from, long length)
    {
        var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous });
        file.Position = from;
        return new StreamContent(new BoundedStream(file, length), 256 << 10) { Headers = { ContentLength = length } };
    }

    /// <summary>The text of the first element of a name in a short answer.</summary>
    public static string? Element(string xml, string name)
    {
        int from = xml.IndexOf($"<{name}>", StringComparison.Ordinal), to = xml.IndexOf($"</{name}>", StringComparison.Ordinal);
        return from < 0 || to < from ? null : WebUtility.HtmlDecode(xml[(from + name.Length + 2)..to]);
    }

    /// <summary>The text of the element the reader stands on; the reader stays inside it.</summary>
    public static async Task<string> TextAsync(XmlReader reader) => await reader.ReadAsync() && reader.NodeType == XmlNodeType.Text ? await reader.GetValueAsync() : "";

    public void Dispose() => _http.Dispose();
}
