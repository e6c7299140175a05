using System.Globalization;

namespace Wharf.Cli.ApiClient;

/// <summary>Status line and headers of a response; header names are matched without regard to case.</summary>
internal sealed record ResponseHead(int Status, IReadOnlyDictionary<string, string> Headers)
{
    public string? this[string header] => Headers.GetValueOrDefault(header);
    public bool KeepsAlive => !string.Equals(this["Connection"], "close", StringComparison.OrdinalIgnoreCase);
    public bool IsChunked => this["Transfer-Encoding"]?.Contains("chunked", StringComparison.OrdinalIgnoreCase) == true;
    public long? ContentLength => long.TryParse(this["Content-Length"], NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : null;

    public static ResponseHead Parse(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var words = lines.Length == 0 ? [] : lines[0].Split(' ', 3);
        if (words.Length < 2 || !words[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var status))
            throw new IOException($"malformed HTTP response {Output.Quoting.Quote(lines.Length == 0 ? "" : lines[0])}");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            var colon = line.IndexOf(':');
            if (colon <= 0) continue;
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
        return new ResponseHead(status, headers);
    }
}
