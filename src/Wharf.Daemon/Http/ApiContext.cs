using System.Buffers;
using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>One request: its parameters as the Engine API spells them, and the ways to answer.</summary>
public sealed class ApiContext(HttpContext http, EngineHost engine, ApiVersion version, Dictionary<string, string> route)
{
    public HttpContext Http { get; } = http;
    public EngineHost Engine { get; } = engine;
    public ApiVersion Version { get; } = version;

    /// <summary>Cancelled when the client is gone.</summary>
    public CancellationToken Cancellation => Http.RequestAborted;

    /// <summary>A parameter of the path, unescaped.</summary>
    public string Route(string name) => route[name];

    private IQueryCollection? _parameters;

    private IQueryCollection Parameters
    {
        get
        {
            if (_parameters is null) QueryRules.Check(Http.Request.QueryString.Value);
            return _parameters ??= Http.Request.Query;
        }
    }

    /// <summary>A query parameter, null when absent; InvalidArgument where the query is none.</summary>
    public string? Query(string name) => Parameters.TryGetValue(name, out var values) && values.Count > 0 ? values[0] : null;

    /// <summary>All values of a repeated query parameter.</summary>
    public IReadOnlyList<string> QueryAll(string name) => Parameters.TryGetValue(name, out var values) ? [.. values.Select(value => value ?? "")] : [];

    /// <summary>Docker's booleans: absent, empty, 0, no, false and none are false, anything else is true.</summary>
    public bool QueryBool(string name, bool absent = false) => Query(name) is not { } text ? absent :
        text.Trim().ToLowerInvariant() is not ("" or "0" or "no" or "false" or "none");

    /// <summary>A whole number, or InvalidArgument naming the parameter.</summary>
    public long? QueryLong(string name) => Query(name) is not { Length: > 0 } text ? null :
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value :
        throw WharfException.Invalid($"invalid value \"{text}\" for query parameter \"{name}\": not a whole number");

    /// <summary>The <c>filters</c> parameter in both its forms, <c>{"k":["v"]}</c> and the older <c>{"k":{"v":true}}</c>.</summary>
    public Filters Filters(string name = "filters") => Daemon.Http.Filters.Parse(Query(name));

    /// <summary>Reads the JSON body; InvalidArgument on bad JSON, another content type, or one over the limit. A request without a body is an empty object, unless <paramref name="required"/>.</summary>
    public async Task<T> ReadJsonAsync<T>(JsonTypeInfo<T> type, bool required = false) where T : class =>
        await TryReadJsonAsync(type) ?? (required ? throw JsonBody.Empty() : type.CreateObject?.Invoke() ?? throw JsonBody.Empty());

    /// <summary>As <see cref="ReadJsonAsync"/>; null when there is no body.</summary>
    public async Task<T?> TryReadJsonAsync<T>(JsonTypeInfo<T> type) where T : class
    {
        bool chunked = Http.Request.Headers.TransferEncoding.Count > 0;
        if (!chunked && Http.Request.ContentLength is null or 0)
        {
            if (Http.Request.ContentType is { Length: > 0 } given) JsonBody.CheckContentType(given);
            return null;
        }
        JsonBody.CheckContentType(Http.Request.ContentType);
        using var body = await ReadBodyAsync();
        return JsonBody.Parse(body.GetBuffer().AsSpan(0, (int)body.Length), type);
    }

    private async Task<MemoryStream> ReadBodyAsync()
    {
        var body = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(16384);
        try
        {
            int count;
            while ((count = await Http.Request.Body.ReadAsync(buffer, Cancellation)) > 0)
            {
                if (body.Length + count > Engine.Options.Limits.MaxJsonBody)
                    throw WharfException.Invalid($"request body is larger than {Engine.Options.Limits.MaxJsonBody} bytes");
                body.Write(buffer, 0, count);
            }
            return body;
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    public async Task WriteJsonAsync<T>(int status, T value, JsonTypeInfo<T> type)
    {
        var bytes = ApiJson.Write(value, type, "\n"u8);
        Http.Response.StatusCode = status;
        Http.Response.ContentType = "application/json";
        Http.Response.ContentLength = bytes.Length;
        await Http.Response.Body.WriteAsync(bytes, Cancellation);
    }

    /// <summary>Answers with a status and no body.</summary>
    public Task EmptyAsync(int status)
    {
        Http.Response.StatusCode = status;
        if (status != StatusCodes.Status204NoContent && status != StatusCodes.Status304NotModified) Http.Response.ContentLength = 0;
        return Task.CompletedTask;
    }

    /// <summary>Starts an answer of JSON values one per line, each sent at once (build, pull, events, stats).</summary>
    public JsonLines StartJsonLines(int status = StatusCodes.Status200OK) => StartJsonLines("application/json", status);

    public JsonLines StartJsonLines(string contentType, int status = StatusCodes.Status200OK)
    {
        Http.Response.StatusCode = status;
        Http.Response.ContentType = contentType;
        return new JsonLines(Http.Response.Body, Cancellation, contentType);
    }
}

/// <summary>
/// A stream of JSON values, safe for several writers: CR LF after each as docker sends them, LF in JSON lines, and a record separator before each
/// in a JSON text sequence (RFC 7464).
/// </summary>
public sealed class JsonLines(Stream body, CancellationToken cancellation, string contentType = "application/json")
{
    public const string Sequence = "application/json-seq";
    private const byte RecordSeparator = 0x1e;

    private readonly SemaphoreSlim _one = new(1, 1);

    public Task WriteAsync<T>(T value, JsonTypeInfo<T> type) => WriteAsync([value], type);

    /// <summary>Writes several values at once.</summary>
    public async Task WriteAsync<T>(IReadOnlyList<T> values, JsonTypeInfo<T> type)
    {
        var lines = new ArrayBufferWriter<byte>(1024);
        foreach (var value in values)
        {
            if (contentType == Sequence) lines.Write([RecordSeparator]);
            ApiJson.Write(lines, value, type, contentType == "application/json" ? "\r\n"u8 : "\n"u8);
        }
        await _one.WaitAsync(cancellation);
        try
        {
            await body.WriteAsync(lines.WrittenMemory, cancellation);
            await body.FlushAsync(cancellation);
        }
        finally { _one.Release(); }
    }
}
