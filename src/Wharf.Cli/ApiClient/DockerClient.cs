using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Wharf.Cli.ApiClient;

/// <summary>Speaks the Engine API to one daemon, in the newest version both know.</summary>
internal sealed partial class DockerClient(DockerHost host, TlsOptions? tls, string? fixedVersion) : IAsyncDisposable
{
    private static readonly Version Newest = new(1, 51);
    private readonly ConcurrentStack<HttpConnection> idle = new();
    private string? version = fixedVersion;

    public DockerHost Host => host;
    /// <summary>What the daemon said of itself when first asked; empty until then.</summary>
    public string ServerOs { get; private set; } = "linux";
    public string? BuilderVersion { get; private set; }
    /// <summary>Headers sent with every request (config.json's HttpHeaders).</summary>
    public IReadOnlyDictionary<string, string> ExtraHeaders { get; init; } = new Dictionary<string, string>();

    /// <summary>The version requests are made in, e.g. <c>1.51</c>.</summary>
    public async Task<string> NegotiateAsync(CancellationToken cancellationToken)
    {
        if (version is not null) return version;
        var connection = await TakeAsync(cancellationToken);
        await connection.WriteAsync(Head("HEAD", "/_ping", [], null, isStream: false), cancellationToken);
        var head = await connection.ReadHeadAsync(cancellationToken);
        ServerOs = head["OSType"] ?? ServerOs;
        BuilderVersion = head["Builder-Version"];
        if (head.KeepsAlive) idle.Push(connection);
        else await connection.DisposeAsync();
        // A daemon that does not say is older than the header, which came with 1.24.
        var server = Version.TryParse(head["Api-Version"], out var parsed) ? parsed : new Version(1, 24);
        return version = (server < Newest ? server : Newest).ToString(2);
    }

    public bool IsAtLeast(int minor) => version is null || Version.Parse(version) >= new Version(1, minor);

    /// <summary>Sends a request and returns its successful response; an error status becomes an <see cref="ApiException"/>.</summary>
    public async Task<ApiResponse> SendAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var target = $"/v{await NegotiateAsync(cancellationToken)}{request.Path}";
        var connection = await TakeAsync(cancellationToken);
        try
        {
            await connection.WriteAsync(Head(request.Method, target, request.Headers, request.Body, request.BodyStream is not null), cancellationToken);
            if (request.Body is { } body) await connection.WriteAsync(body, cancellationToken);
            var sending = request.BodyStream is { } stream ? connection.WriteChunkedAsync(stream, cancellationToken) : Task.CompletedTask;
            var head = await ReadHeadAsync(connection, sending, cancellationToken);
            var response = new ApiResponse(this, connection, head, IsWithoutBody(request.Method, head.Status), sending);
            if (head.Status < 400) return response;
            await using (response) throw await ToExceptionAsync(response, cancellationToken);
        }
        catch (Exception e) when (e is not ApiException)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// A daemon may refuse in the middle of an upload and close: then the write fails, but the answer is there and says why.
    /// A body that cannot be read (a broken stdin) is the other way round.
    /// </summary>
    private static async Task<ResponseHead> ReadHeadAsync(HttpConnection connection, Task sending, CancellationToken cancellationToken)
    {
        var reading = connection.ReadHeadAsync(cancellationToken);
        if (await Task.WhenAny(reading, sending) == sending && sending.IsFaulted && sending.Exception.InnerException is not IOException { InnerException: SocketException })
            await sending;
        try
        {
            return await reading;
        }
        catch (IOException) when (sending.IsFaulted)
        {
            await sending;
            throw;
        }
    }

    /// <summary>Starts attach or exec and takes the connection over.</summary>
    public async Task<HijackedStream> HijackAsync(string path, byte[]? body, CancellationToken cancellationToken)
    {
        var target = $"/v{await NegotiateAsync(cancellationToken)}{path}";
        var connection = await TakeAsync(cancellationToken);
        try
        {
            await connection.WriteAsync(Head("POST", target, [JsonContent, new("Connection", "Upgrade"), new("Upgrade", "tcp")], body ?? [], isStream: false), cancellationToken);
            if (body is { Length: > 0 }) await connection.WriteAsync(body, cancellationToken);
            var head = await connection.ReadHeadAsync(cancellationToken);
            if (head.Status is 101 or 200) return new HijackedStream(connection, head);
            await using var response = new ApiResponse(this, connection, head, isEmpty: false, Task.CompletedTask);
            throw await ToExceptionAsync(response, cancellationToken);
        }
        catch (Exception e) when (e is not ApiException)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Turns a connection into one of another protocol.</summary>
    public async Task<HijackedStream> UpgradeAsync(string path, string protocol, IEnumerable<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        var target = $"/v{await NegotiateAsync(cancellationToken)}{path}";
        var connection = await TakeAsync(cancellationToken);
        try
        {
            await connection.WriteAsync(Head("POST", target, [new("Connection", "Upgrade"), new("Upgrade", protocol), .. headers], [], isStream: false), cancellationToken);
            var head = await connection.ReadHeadAsync(cancellationToken);
            if (head.Status == 101) return new HijackedStream(connection, head);
            await using var response = new ApiResponse(this, connection, head, isEmpty: false, Task.CompletedTask);
            throw await ToExceptionAsync(response, cancellationToken);
        }
        catch (Exception e) when (e is not ApiException)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    internal void GiveBack(HttpConnection connection) => idle.Push(connection);

    /// <summary>A bare connection, for who speaks HTTP on his own.</summary>
    public Task<HttpConnection> DialAsync(CancellationToken cancellationToken) => TakeAsync(cancellationToken);

    private async Task<HttpConnection> TakeAsync(CancellationToken cancellationToken)
    {
        if (idle.TryPop(out var connection)) return connection;
        try
        {
            return await HttpConnection.ConnectAsync(host, tls, cancellationToken);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new ConnectException($"permission denied while trying to connect to the Docker daemon socket at {host.Text}: dial unix {host.SocketPath}: connect: permission denied", e);
        }
        catch (SocketException e)
        {
            throw new ConnectException($"Cannot connect to the Docker daemon at {host.Text}. Is the docker daemon running?", e);
        }
        catch (ArgumentException e) when (host.SocketPath is not null)
        {
            // sun_path holds 108 bytes (unix(7)).
            throw new ConnectException($"Unix socket path {Output.Quoting.Quote(host.SocketPath)} is too long", e);
        }
    }

    private byte[] Head(string method, string target, IEnumerable<KeyValuePair<string, string>> headers, byte[]? body, bool isStream)
    {
        var text = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: {host.Authority}\r\nUser-Agent: {CliContext.UserAgent}\r\n");
        foreach (var (name, value) in ExtraHeaders.Concat(headers))
        {
            // A line break would end the header and start another (CWE-113).
            if (value.AsSpan().IndexOfAny('\r', '\n') >= 0) throw new IOException($"invalid header field value for {Output.Quoting.Quote(name)}");
            text.Append($"{name}: {value}\r\n");
        }
        if (isStream) text.Append("Transfer-Encoding: chunked\r\n");
        else if (body is not null || method is "POST" or "PUT") text.Append($"Content-Length: {body?.Length ?? 0}\r\n");
        return Encoding.UTF8.GetBytes(text.Append("\r\n").ToString());
    }

    private static bool IsWithoutBody(string method, int status) => method == "HEAD" || status is 204 or 304;

    private static async Task<ApiException> ToExceptionAsync(ApiResponse response, CancellationToken cancellationToken)
    {
        var text = Encoding.UTF8.GetString(await response.ReadAllAsync(cancellationToken)).Trim();
        var message = text;
        try
        {
            if (text.StartsWith('{'))
            {
                using var document = JsonDocument.Parse(text);
                if (document.RootElement.TryGetProperty("message", out var found) && found.GetString() is { } said) message = said.Trim();
            }
        }
        catch (JsonException)
        {
            // Not our daemon's form of error: a proxy's page, shown as it came.
            message = text;
        }
        if (message == "") message = $"request returned status {response.Head.Status} without a message";
        return new ApiException(response.Head.Status, message);
    }

    public async ValueTask DisposeAsync()
    {
        while (idle.TryPop(out var connection)) await connection.DisposeAsync();
    }
}
