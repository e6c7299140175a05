using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Specs.Aws;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>Amazon CloudWatch Logs: <c>PutLogEvents</c> of its API of 2014-03-28. Lines that a pattern holds together are one event.</summary>
internal sealed class AwsLogsSender : ILogSender
{
    // The service's bounds: events in a request, their bytes with 26 for each, bytes of one event, and the hours they may span.
    private const int MostEvents = 10_000, MostBytes = 1_048_576, EventCost = 26, MostEvent = 262_144 - EventCost;
    private static readonly TimeSpan Span = TimeSpan.FromHours(24);

    private readonly LogHttp _http = new();
    private readonly AwsCredentials _credentials;
    private readonly Dictionary<string, string> _options;
    private readonly string _group, _stream;
    private readonly Regex? _begin;
    private readonly List<(long Time, byte[] Text)> _events = [];
    private readonly MemoryStream _gathered = new();
    private long _gatheredTime, _bytes;
    private Uri? _url;
    private string _region = "";

    public AwsLogsSender(LogTarget target)
    {
        _options = target.Options ?? [];
        _credentials = new AwsCredentials(_http, _options.GetValueOrDefault("awslogs-credentials-endpoint"));
        _group = _options.GetValueOrDefault("awslogs-group") ?? "";
        _stream = _options.GetValueOrDefault("awslogs-stream") is { Length: > 0 } given ? given : (target.Source?.Tag ?? "").Replace(':', '_').Replace('*', '_');
        // The engine has turned a time format into a pattern already. A pattern of the user's runs over hostile text: without backtracking.
        if (_options.GetValueOrDefault("awslogs-multiline-pattern") is { Length: > 0 } pattern) _begin = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        Linger = TimeSpan.FromSeconds(int.TryParse(_options.GetValueOrDefault("awslogs-force-flush-interval-seconds"), out int seconds) && seconds > 0 ? seconds : 5);
    }

    public TimeSpan? Linger { get; }

    public void Connect()
    {
        _region = _options.GetValueOrDefault("awslogs-region") is { Length: > 0 } given ? given : AwsCredentials.EnvironmentRegion ?? _credentials.Metadata("placement/region")
            ?? throw new IOException("Cannot get region from the EC2 metadata: give awslogs-region");
        _url = new Uri(_options.GetValueOrDefault("awslogs-endpoint") is { Length: > 0 } endpoint ? endpoint : $"https://logs.{_region}.amazonaws.com{(_region.StartsWith("cn-", StringComparison.Ordinal) ? ".cn" : "")}/");
        if (!_options.IsOn("awslogs-create-stream", otherwise: true)) return;
        if (TryCreate("CreateLogStream", _stream) is not { } missing) return;
        if (!_options.IsOn("awslogs-create-group")) throw missing;
        if (TryCreate("CreateLogGroup", null) is { } refusedGroup) throw refusedGroup;
        if (TryCreate("CreateLogStream", _stream) is { } refused) throw refused;
    }

    /// <summary>Makes a group or a stream; one that is there is as good. Returns the error when the group that a stream is to be in is missing.</summary>
    private IOException? TryCreate(string action, string? stream)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteString("logGroupName"u8, _group);
            if (stream is not null) writer.WriteString("logStreamName"u8, stream);
            writer.WriteEndObject();
        }
        var answer = Call(action, body.WrittenSpan.ToArray());
        if (answer.IsGood || answer.Text.Contains("ResourceAlreadyExistsException", StringComparison.Ordinal)) return null;
        var error = new IOException($"failed to create Cloudwatch log {(stream is null ? "group" : "stream")}: {answer.Status} {answer.Text}");
        return stream is not null && answer.Text.Contains("ResourceNotFoundException", StringComparison.Ordinal) ? error : throw error;
    }

    public void Send(LogLine line)
    {
        long time = line.Time.ToUnixTimeMilliseconds();
        if (_begin is null)
        {
            // A long line comes in parts, and is one event as far as it fits.
            if (line.Part is null) Add(time, line.Text);
            else Gather(time, line.Text, ends: line.Part.Last, lineEnd: false);
            return;
        }
        bool isWhole = line.Part is null or { Last: true };
        if (line.Part is null or { Ordinal: 1 } && _begin.IsMatch(Encoding.UTF8.GetString(line.Text))) Complete();
        Gather(time, line.Text, ends: false, lineEnd: isWhole);
    }

    private void Gather(long time, byte[] text, bool ends, bool lineEnd)
    {
        if (_gathered.Length + text.Length > MostEvent) Complete();
        if (_gathered.Length == 0) _gatheredTime = time;
        _gathered.Write(text);
        if (lineEnd) _gathered.WriteByte((byte)'\n');
        if (ends) Complete();
    }

    private void Complete()
    {
        if (_gathered.Length == 0) return;
        Add(_gatheredTime, _gathered.ToArray());
        _gathered.SetLength(0);
    }

    private void Add(long time, byte[] text)
    {
        // An event without a text is refused.
        for (int at = 0; at < text.Length;)
        {
            int length = Math.Min(MostEvent, text.Length - at);
            while (at + length < text.Length && length > 1 && (text[at + length] & 0xc0) == 0x80) length--; // not within a character
            if (_events.Count >= MostEvents || _bytes + length + EventCost > MostBytes || _events.Count > 0 && time - _events[0].Time > Span.TotalMilliseconds) Put();
            _events.Add((time, text[at..(at + length)]));
            _bytes += length + EventCost;
            at += length;
        }
    }

    public void Flush()
    {
        Complete();
        Put();
    }

    private void Put()
    {
        if (_events.Count == 0) return;
        int count = _events.Count;
        var body = new ArrayBufferWriter<byte>((int)_bytes);
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteString("logGroupName"u8, _group);
            writer.WriteString("logStreamName"u8, _stream);
            writer.WriteStartArray("logEvents"u8);
            foreach (var (time, text) in _events.OrderBy(item => item.Time))
            {
                writer.WriteStartObject();
                writer.WriteNumber("timestamp"u8, time);
                writer.WriteString("message"u8, Encoding.UTF8.GetString(text));
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        _events.Clear();
        _bytes = 0;
        var answer = Call("PutLogEvents", body.WrittenSpan.ToArray());
        if (!answer.IsGood) throw new IOException($"{count} events were not taken: {answer.Status} {answer.Text}");
    }

    private LogAnswer Call(string action, byte[] body) => _http.Send(() =>
    {
        var keys = _credentials.Keys();
        var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = LogHttp.Json(body, "application/x-amz-json-1.1") };
        request.Headers.Add("x-amz-target", "Logs_20140328." + action);
        if (keys.SessionToken is { Length: > 0 } session) request.Headers.TryAddWithoutValidation("x-amz-security-token", session);
        if (_options.GetValueOrDefault("awslogs-format") is { Length: > 0 } format && action == "PutLogEvents") request.Headers.TryAddWithoutValidation("x-amzn-logs-format", format);
        new SignatureV4(keys.AccessKey, keys.SecretKey, _region, "logs").Sign(request, Convert.ToHexStringLower(SHA256.HashData(body)), DateTimeOffset.UtcNow);
        return request;
    });

    public void Dispose()
    {
        _gathered.Dispose();
        _http.Dispose();
    }
}
