using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.Specs.Aws;

/// <summary>AWS Signature Version 4 of a service's requests, in a header or in a URL's query.</summary>
public sealed class SignatureV4(string accessKey, string secretKey, string region, string service)
{
    private const string Algorithm = "AWS4-HMAC-SHA256";
    /// <summary>The hash of no bytes.</summary>
    public const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// <summary>Says that the body is not part of the signature: a blob's digest is checked by us, and hashing it a second time would cost.</summary>
    public const string Unsigned = "UNSIGNED-PAYLOAD";

    /// <summary>Signs a request whose URL has its query in canonical order already.</summary>
    public void Sign(HttpRequestMessage request, string payloadHash, DateTimeOffset now)
    {
        var (stamp, day) = Stamps(now);
        request.Headers.TryAddWithoutValidation("x-amz-date", stamp);
        request.Headers.TryAddWithoutValidation("x-amz-content-sha256", payloadHash);
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["host"] = request.RequestUri!.Authority };
        foreach (var header in request.Headers.Where(header => header.Key.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase))) headers[header.Key.ToLowerInvariant()] = string.Join(',', header.Value).Trim();
        var names = string.Join(';', headers.Keys);
        var canonical = $"{request.Method}\n{request.RequestUri.AbsolutePath}\n{request.RequestUri.Query.TrimStart('?')}\n{string.Concat(headers.Select(header => $"{header.Key}:{header.Value}\n"))}\n{names}\n{payloadHash}";
        var signature = Signature(canonical, stamp, day);
        request.Headers.TryAddWithoutValidation("Authorization", $"{Algorithm} Credential={accessKey}/{day}/{region}/{service}/aws4_request, SignedHeaders={names}, Signature={signature}");
    }

    /// <summary>A URL that lets whoever holds it get the object for a while.</summary>
    public Uri SignUrl(Uri url, TimeSpan lifetime, DateTimeOffset now)
    {
        var (stamp, day) = Stamps(now);
        var query = $"X-Amz-Algorithm={Algorithm}&X-Amz-Credential={Escape($"{accessKey}/{day}/{region}/{service}/aws4_request")}&X-Amz-Date={stamp}&X-Amz-Expires={((int)lifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture)}&X-Amz-SignedHeaders=host";
        var canonical = $"GET\n{url.AbsolutePath}\n{query}\nhost:{url.Authority}\n\nhost\n{Unsigned}";
        return new Uri($"{url.GetLeftPart(UriPartial.Path)}?{query}&X-Amz-Signature={Signature(canonical, stamp, day)}");
    }

    private string Signature(string canonical, string stamp, string day)
    {
        var toSign = $"{Algorithm}\n{stamp}\n{day}/{region}/{service}/aws4_request\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secretKey), Encoding.UTF8.GetBytes(day));
        foreach (var part in (string[])[region, service, "aws4_request"]) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));
    }

    private static (string Stamp, string Day) Stamps(DateTimeOffset now)
    {
        var stamp = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        return (stamp, stamp[..8]);
    }

    /// <summary>RFC 3986, as the signature wants it: everything but letters, digits and -._~ is escaped.</summary>
    public static string Escape(string text) => Uri.EscapeDataString(text);
}
