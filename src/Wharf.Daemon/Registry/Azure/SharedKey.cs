using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Azure;

/// <summary>Signatures with a storage account's key: of requests ("Authorize with Shared Key") and of URLs ("Create a service SAS").</summary>
internal sealed class SharedKey
{
    public const string ApiVersion = "2021-12-02";
    private const string UrlVersion = "2020-12-06";

    private readonly string _account;
    private readonly byte[] _key;

    public SharedKey(string account, string key)
    {
        _account = account;
        try { _key = Convert.FromBase64String(key); }
        catch (FormatException error) { throw WharfException.Invalid("storage.secret-key is no key of a storage account: not base64", error); }
    }

    public void Sign(HttpRequestMessage request, DateTimeOffset now)
    {
        request.Headers.TryAddWithoutValidation("x-ms-date", now.UtcDateTime.ToString("R", CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("x-ms-version", ApiVersion);
        var content = request.Content?.Headers;
        var length = content?.ContentLength is > 0 and var bytes ? bytes.ToString(CultureInfo.InvariantCulture) : "";
        // Encoding, language, length, MD5, type, date, five conditions and the range: what is not sent is empty.
        var lines = new StringBuilder($"{request.Method}\n\n\n{length}\n\n{content?.ContentType}\n\n\n\n\n\n\n");
        foreach (var (name, value) in request.Headers.Where(static header => header.Key.StartsWith("x-ms-", StringComparison.OrdinalIgnoreCase)).Select(static header => (header.Key.ToLowerInvariant(), string.Join(',', header.Value).Trim())).OrderBy(static header => header.Item1, StringComparer.Ordinal))
            lines.Append(CultureInfo.InvariantCulture, $"{name}:{value}\n");
        lines.Append(CultureInfo.InvariantCulture, $"/{_account}{request.RequestUri!.AbsolutePath}");
        foreach (var pair in request.RequestUri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(static pair => pair.Split('=', 2)).OrderBy(static pair => pair[0], StringComparer.Ordinal))
            lines.Append(CultureInfo.InvariantCulture, $"\n{pair[0]}:{Uri.UnescapeDataString(pair[1])}");
        request.Headers.TryAddWithoutValidation("Authorization", $"SharedKey {_account}:{Signature(lines.ToString())}");
    }

    /// <summary>A URL that lets whoever holds it read the blob for a while.</summary>
    public Uri SignUrl(Uri url, string container, string blob, TimeSpan lifetime, DateTimeOffset now)
    {
        var expiry = (now + lifetime).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var signature = Signature($"r\n\n{expiry}\n/blob/{_account}/{container}/{blob}\n\n\n\n{UrlVersion}\nb\n\n\n\n\n\n\n");
        return new Uri($"{url}?sv={UrlVersion}&se={WebUtility.UrlEncode(expiry)}&sr=b&sp=r&sig={Uri.EscapeDataString(signature)}");
    }

    private string Signature(string text) => Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)));
}
