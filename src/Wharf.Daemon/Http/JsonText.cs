using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Wharf.Daemon.Http;

/// <summary>The text of a JSON body as Go's decoder takes it: bytes that are no UTF-8 and escaped surrogates without a partner stand for U+FFFD, where System.Text.Json refuses them.</summary>
internal static class JsonText
{
    /// <summary>The same body in valid text; null when it was valid already.</summary>
    public static byte[]? Mend(ReadOnlySpan<byte> bytes)
    {
        bool invalid = !Utf8.IsValid(bytes);
        var text = invalid ? Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes)) : bytes.ToArray();
        return MendSurrogates(text) || invalid ? text : null;
    }

    private static bool MendSurrogates(Span<byte> text)
    {
        bool mended = false;
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] != (byte)'\\') continue;
            var unit = Unit(text[at..]);
            if (char.IsHighSurrogate(unit) && char.IsLowSurrogate(Unit(text[(at + 6)..]))) at += 11;
            else if (char.IsSurrogate(unit))
            {
                "fffd"u8.CopyTo(text[(at + 2)..]);
                mended = true;
            }
            else at++;
        }
        return mended;
    }

    /// <summary>The unit that <c>\uXXXX</c> at the start of the text stands for; 0 when there is no such escape.</summary>
    private static char Unit(ReadOnlySpan<byte> text) =>
        text.Length >= 6 && text[0] == (byte)'\\' && text[1] == (byte)'u' && ushort.TryParse(text[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit) ? (char)unit : '\0';
}
