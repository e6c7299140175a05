using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Wharf.SystemTests.Registry;

namespace Wharf.SystemTests.Build;

/// <summary>
/// A stand-in for version 2 of GitHub's cache service and the blob store behind it: it keeps entries in memory, answers <c>already_exists</c> for a key that is taken, the newest entry for the
/// beginning of a key, and takes and gives bytes only by the signed URLs that it gave.
/// </summary>
public sealed class ActionsCacheServer : IDisposable
{
    private const string Service = "/twirp/github.actions.results.api.v1.CacheService/";

    private readonly ConcurrentDictionary<string, byte[]?> _entries = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];
    private readonly string _signature = "sig-" + Guid.NewGuid().ToString("n");
    private readonly HttpAnswers _http;

    public ActionsCacheServer()
    {
        var claims = $$"""{"ac":"[{\"Scope\":\"refs/heads/main\",\"Permission\":3},{\"Scope\":\"refs/heads/old\",\"Permission\":1}]","nbf":1,"exp":{{DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds()}}}""";
        Token = $"{Base64("""{"alg":"none"}""")}.{Base64(claims)}.{Guid.NewGuid():n}";
        _http = new HttpAnswers(AnswerAsync);
    }

    public string Token { get; }
    /// <summary>What no message may hold: the token, and the signature of the URLs.</summary>
    public IReadOnlyList<string> Secrets => [Token, _signature];
    public string Attributes => $"type=gha,version=2,url_v2={_http.Url},token={Token},scope=tests";
    public IReadOnlyCollection<string> Keys => [.. _entries.Where(entry => entry.Value is not null).Select(entry => entry.Key)];

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var path = context.Request.Url!.AbsolutePath;
        using var body = new MemoryStream();
        await context.Request.InputStream.CopyToAsync(body);
        if (path.StartsWith("/blob/", StringComparison.Ordinal)) Blob(context, Uri.UnescapeDataString(path["/blob/".Length..]), body.ToArray());
        else if (!path.StartsWith(Service, StringComparison.Ordinal) || context.Request.HttpMethod != "POST") context.Response.StatusCode = 404;
        else if (context.Request.Headers["Authorization"] != "Bearer " + Token) Json(context, 401, new JsonObject { ["code"] = "unauthenticated", ["msg"] = "no such token" });
        else Call(context, path[Service.Length..], JsonNode.Parse(body.ToArray())!);
        context.Response.Close();
    }

    private void Call(HttpListenerContext context, string method, JsonNode request)
    {
        var key = request["key"]!.GetValue<string>();
        string Signed() => $"{_http.Url}/blob/{Uri.EscapeDataString(key)}?sig={_signature}";
        lock (_order)
        {
            switch (method)
            {
                case "CreateCacheEntry" when !_entries.TryAdd(key, null): Json(context, 409, new JsonObject { ["code"] = "already_exists", ["msg"] = "cache entry with the same key, version, and scope already exists" }); break;
                case "CreateCacheEntry": Json(context, 200, new JsonObject { ["ok"] = true, ["signed_upload_url"] = Signed() }); break;
                case "FinalizeCacheEntryUpload":
                    var size = request["size_bytes"]!.GetValueKind() == System.Text.Json.JsonValueKind.String ? long.Parse(request["size_bytes"]!.GetValue<string>()) : request["size_bytes"]!.GetValue<long>();
                    bool whole = _entries.GetValueOrDefault(key)?.Length == size;
                    if (whole) _order.Add(key);
                    Json(context, 200, new JsonObject { ["ok"] = whole, ["entry_id"] = "1" });
                    break;
                case "GetCacheEntryDownloadURL":
                    var begin = request["restore_keys"]?.AsArray() is [var first, ..] ? first!.GetValue<string>() : key;
                    if (_order.Contains(key) || (key = _order.FindLast(kept => kept.StartsWith(begin, StringComparison.Ordinal))) is not null) Json(context, 200, new JsonObject { ["ok"] = true, ["signed_download_url"] = Signed(), ["matched_key"] = key });
                    else Json(context, 200, new JsonObject { ["ok"] = false });
                    break;
                default: Json(context, 404, new JsonObject { ["code"] = "bad_route", ["msg"] = method }); break;
            }
        }
    }

    private void Blob(HttpListenerContext context, string key, byte[] body)
    {
        if (!context.Request.Url!.Query.Contains(_signature, StringComparison.Ordinal)) context.Response.StatusCode = 403;
        else if (context.Request.HttpMethod == "PUT")
        {
            // BuildKit sends blocks, whose list comes last; one request with all is as good.
            if (context.Request.Url.Query.Contains("comp=blocklist", StringComparison.Ordinal)) { /* all is there */ }
            else if (context.Request.Url.Query.Contains("comp=block", StringComparison.Ordinal)) _entries[key] = [.. _entries[key] ?? [], .. body];
            else if (context.Request.Headers["x-ms-blob-type"] != "BlockBlob") context.Response.StatusCode = 400;
            else _entries[key] = body;
            if (context.Response.StatusCode == 200) context.Response.StatusCode = 201;
        }
        else if (_entries.GetValueOrDefault(key) is { } bytes)
        {
            int from = (context.Request.Headers["x-ms-range"] ?? context.Request.Headers["Range"]) is { } range ? int.Parse(range["bytes=".Length..].Split('-')[0]) : 0;
            if (from > 0) context.Response.StatusCode = 206;
            context.Response.OutputStream.Write(bytes.AsSpan(from));
        }
        else context.Response.StatusCode = 404;
    }

    private static void Json(HttpListenerContext context, int status, JsonObject answer)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.OutputStream.Write(Encoding.UTF8.GetBytes(answer.ToJsonString()));
    }

    public void Dispose() => _http.Dispose();
}
