using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Shouldly;

namespace Wharf.SystemTests.Compat;

/// <summary>Calls operations by name and holds every answer against the reference: the status, and the JSON of the body.</summary>
public sealed class ApiSession : IDisposable
{
    private readonly HttpClient _http;
    private readonly SchemaReference _reference = SchemaReference.Instance;

    public ApiSession(string socketPath)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _http = new HttpClient(handler) { BaseAddress = new Uri("http://d/"), Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>Operations called so far.</summary>
    public HashSet<string> Called { get; } = [];

    /// <summary>Calls and expects a status; returns the JSON of the answer, undefined when there is none.</summary>
    /// <param name="target">Path and query, without a version.</param>
    /// <param name="body">JSON when a text; as it is when bytes.</param>
    public async Task<JsonElement> CallAsync(string operation, string target, int status, object? body = null, IReadOnlyDictionary<string, string>? headers = null)
    {
        var known = _reference.Operation(operation);
        var (path, query) = target.IndexOf('?') is >= 0 and var at ? (target[..at], target[(at + 1)..]) : (target, "");
        _reference.IsPathOf(operation, path).ShouldBeTrue($"{path} is no path of {operation}");
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
            _reference.Parameters(operation, "query").ShouldContain(pair.Split('=')[0], $"{operation} has no such parameter");
        using var request = new HttpRequestMessage(new HttpMethod(known.GetProperty("method").GetString()!), "/v1.51" + target);
        if (body is string json) request.Content = new StringContent(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        else if (body is byte[] bytes) request.Content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/x-tar") } };
        foreach (var (name, value) in headers ?? new Dictionary<string, string>()) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsByteArrayAsync();
        var shown = $"{operation} {target}: {Encoding.UTF8.GetString(text.AsSpan(0, Math.Min(text.Length, 600)))}";
        ((int)response.StatusCode).ShouldBe(status, shown);
        if (operation is not ("ContainerAttach" or "ExecStart")) response.Headers.GetValues("Api-Version").ShouldBe(["1.51"]);
        Called.Add(operation);
        return CheckBody(operation, known, response, text, shown);
    }

    private JsonElement CheckBody(string operation, JsonElement known, HttpResponseMessage response, byte[] text, string shown)
    {
        int status = (int)response.StatusCode;
        if (response.Content.Headers.ContentType?.MediaType != "application/json" || text.Length == 0) return default;
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { AllowMultipleValues = true });
        using var document = JsonDocument.ParseValue(ref reader);
        var schema = known.GetProperty("responses").TryGetProperty(status.ToString(System.Globalization.CultureInfo.InvariantCulture), out var declared) && declared.ValueKind == JsonValueKind.Object ? declared
            : status >= 400 ? _reference.Definition("ErrorResponse") : default;
        if (schema.ValueKind == JsonValueKind.Object && schema.EnumerateObject().Any())
            new SchemaValidator(_reference).Check(document.RootElement, schema).ShouldBeEmpty($"{operation} {status}\n{shown}");
        return document.RootElement.Clone();
    }

    public void Dispose() => _http.Dispose();
}
