using System.Text;

namespace Wharf.Engine.Build;

/// <summary>Addresses as they may be told and written down.</summary>
public static class RemoteAddress
{
    private const string Scheme = "://", Instead = "xxxxx:xxxxx@";

    /// <summary>A text whose addresses have lost their names and passwords: those are for the server alone (CVE-2023-26054, CVE-2025-0495).</summary>
    public static string Redacted(string text)
    {
        var redacted = new StringBuilder();
        int done = 0;
        for (int scheme = text.IndexOf(Scheme, StringComparison.Ordinal); scheme >= 0; scheme = text.IndexOf(Scheme, done, StringComparison.Ordinal))
        {
            int host = scheme + Scheme.Length;
            int length = text.AsSpan(host).IndexOfAny("/?#\"' \t\r\n");
            // To the last one: a password may hold an @ too.
            int at = text.AsSpan(host, length < 0 ? text.Length - host : length).LastIndexOf('@');
            redacted.Append(text, done, host - done);
            if (at >= 0) redacted.Append(Instead);
            done = host + at + 1;
        }
        return redacted.Append(text, done, text.Length - done).ToString();
    }
}
