using System.Buffers;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Wharf.BuildKit.Transport;

/// <summary>What gRPC writes into HTTP's headers.</summary>
internal static class GrpcText
{
    private const string BinarySuffix = "-bin";
    private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <summary>Text as <c>grpc-message</c> has it: what is not printable ASCII by its bytes of UTF-8 in hexadecimal after a percent sign.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (b is >= 0x20 and < 0x7f and not (byte)'%') escaped.Append((char)b);
            else escaped.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }
        return escaped.ToString();
    }

    /// <summary>The time that a caller gives: up to eight digits and a unit; null when it gives none.</summary>
    public static TimeSpan? ParseTimeout(string text)
    {
        if (text.Length is 0 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long amount)) return null;
        return text[^1] switch
        {
            'H' => Seconds(amount * 3600), 'M' => Seconds(amount * 60), 'S' => Seconds(amount),
            'm' => TimeSpan.FromMilliseconds(amount), 'u' => TimeSpan.FromMicroseconds(amount), 'n' => TimeSpan.FromTicks(amount / TimeSpan.NanosecondsPerTick),
            _ => null,
        };
    }

    /// <summary>No longer than a timer can wait: three weeks are as good as no end.</summary>
    private static TimeSpan Seconds(long seconds) => TimeSpan.FromSeconds(Math.Min(seconds, 3 * 7 * 24 * 3600));

    /// <summary>A caller's headers, but for those of HTTP and gRPC themselves; each value of a header by itself.</summary>
    public static Metadata ReadHeaders(IHeaderDictionary headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers)
        {
            var key = name.ToLowerInvariant();
            if (key.StartsWith("grpc-", StringComparison.Ordinal) || key.AsSpan().ContainsAnyExcept(KeyCharacters)) continue;
            foreach (var value in values)
            {
                if (value is null) continue;
                if (!key.EndsWith(BinarySuffix, StringComparison.Ordinal)) metadata.Add(key, value);
                else foreach (var part in value.Split(',')) metadata.Add(key, Decode(part));
            }
        }
        return metadata;
    }

    /// <summary>Base64 with or without its padding.</summary>
    private static byte[] Decode(string text)
    {
        text = text.Trim();
        try { return Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '=')); }
        catch (FormatException error) { throw new RpcException(new Status(StatusCode.InvalidArgument, $"a binary header is not base64: {error.Message}")); }
    }
}
