using System.Net.Http.Headers;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Plugins;

/// <summary>Calls of docker's plugin protocol, version 1: a POST for each method, with JSON in both directions.</summary>
internal sealed class PluginClient : IDisposable
{
    private const int MaxAnswer = 4 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120), ConnectPatience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;

    public PluginClient(string name, PluginAddress address)
    {
        Name = name;
        var handler = UnixHttp.Handler(address.SocketPath);
        handler.ConnectTimeout = ConnectPatience;
        _http = new HttpClient(handler) { BaseAddress = address.Url ?? new Uri("http://plugin"), Timeout = Patience, MaxResponseContentBufferSize = MaxAnswer };
    }

    public string Name { get; }

    /// <summary>The answer as it came, empty where it has no content. A plugin that is not there is Internal; one that has not the method answers with another status than 200.</summary>
    public async Task<(int Status, byte[] Body)> CallAsync(string method, byte[] request, CancellationToken cancellation)
    {
        using var content = new ByteArrayContent(request);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var message = new HttpRequestMessage(HttpMethod.Post, "/" + method) { Content = content };
        message.Headers.TryAddWithoutValidation("Accept", "application/vnd.docker.plugins.v1.2+json");
        try
        {
            using var response = await _http.SendAsync(message, cancellation);
            return ((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellation));
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested) { throw Failed(method, error); }
    }

    public WharfException Failed(string method, Exception error) => new(ErrorKind.Internal, $"{method}: error in the plugin {Name}: {error.Message}", error);

    public void Dispose() => _http.Dispose();
}
