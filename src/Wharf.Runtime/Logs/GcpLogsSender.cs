using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>Google Cloud Logging, by <c>entries:write</c> of its API v2.</summary>
internal sealed class GcpLogsSender : ILogSender
{
    private const int Most = 1000, MostBytes = 1 << 20;

    private readonly LogHttp _http = new();
    private readonly GoogleCredentials _credentials;
    private readonly LogSource _source;
    private readonly Dictionary<string, string> _extra, _options;
    private readonly ArrayBufferWriter<byte> _batch = new(4096);
    private Utf8JsonWriter? _writer;
    private string _project = "";
    private (string Id, string Name, string Zone) _instance;
    private int _count;

    public GcpLogsSender(LogTarget target)
    {
        (_options, _source) = (target.Options ?? [], target.Source ?? new LogSource());
        _extra = (target.Attributes ?? []).Where(pair => pair.Key != "tag").ToDictionary();
        _credentials = new GoogleCredentials(_http);
    }

    public TimeSpan? Linger => TimeSpan.FromSeconds(1);

    private static Uri Url => new((Environment.GetEnvironmentVariable("CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING") is { Length: > 0 } given ? given.TrimEnd('/') : "https://logging.googleapis.com") + "/v2/entries:write");

    public void Connect()
    {
        string Given(string option, string metadata) => _options.GetValueOrDefault(option) is { Length: > 0 } given ? given : _credentials.Metadata(metadata) ?? "";
        _project = Given("gcp-project", "project/project-id");
        if (_project.Length == 0) throw new IOException("No project was specified and couldn't read project from the metadata server. Please specify a project");
        if (_credentials.IsOnGoogle || _options.ContainsKey("gcp-meta-id"))
            _instance = (Given("gcp-meta-id", "instance/id"), Given("gcp-meta-name", "instance/name"), Zone(Given("gcp-meta-zone", "instance/zone")));
        // A container whose lines would all be refused does not start.
        var answer = _http.Send(() => Request("{\"entries\":[],\"dryRun\":true}"u8.ToArray()), retry: false);
        if (!answer.IsGood) throw new IOException($"unable to connect or authenticate with Google Cloud Logging: {answer.Status} {answer.Text}");
    }

    // The metadata server tells projects/NUMBER/zones/ZONE.
    private static string Zone(string text) => text[(text.LastIndexOf('/') + 1)..];

    public void Send(LogLine line)
    {
        if (_writer is null)
        {
            _writer = new Utf8JsonWriter(_batch);
            _writer.WriteStartObject();
            _writer.WriteString("logName"u8, $"projects/{_project}/logs/gcplogs-docker-driver");
            WriteResource(_writer);
            _writer.WriteStartArray("entries"u8);
        }
        WriteEntry(_writer, line);
        if (++_count >= Most || _batch.WrittenCount + _writer.BytesPending >= MostBytes) Flush();
    }

    private void WriteResource(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("resource"u8);
        writer.WriteString("type"u8, _instance.Id is { Length: > 0 } ? "gce_instance" : "global");
        writer.WriteStartObject("labels"u8);
        if (_instance.Id is { Length: > 0 })
        {
            writer.WriteString("instance_id"u8, _instance.Id);
            writer.WriteString("zone"u8, _instance.Zone);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteEntry(Utf8JsonWriter writer, LogLine line)
    {
        writer.WriteStartObject();
        writer.WriteString("timestamp"u8, line.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
        writer.WriteStartObject("jsonPayload"u8);
        writer.WriteStartObject("container"u8);
        writer.WriteString("name"u8, "/" + _source.ContainerName);
        writer.WriteString("id"u8, _source.ContainerId);
        writer.WriteString("imageName"u8, _source.ImageName);
        writer.WriteString("imageId"u8, _source.ImageId);
        writer.WriteString("created"u8, _source.Created.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
        if (_options.IsOn("gcp-log-cmd")) writer.WriteString("command"u8, _source.Command);
        if (_extra.Count > 0)
        {
            writer.WriteStartObject("metadata"u8);
            foreach (var (key, value) in _extra) writer.WriteString(key, value);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        if (_instance.Id is { Length: > 0 })
        {
            writer.WriteStartObject("instance"u8);
            writer.WriteString("id"u8, _instance.Id);
            writer.WriteString("name"u8, _instance.Name);
            writer.WriteString("zone"u8, _instance.Zone);
            writer.WriteEndObject();
        }
        writer.WriteString("message"u8, Encoding.UTF8.GetString(line.Text));
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    public void Flush()
    {
        if (_writer is null) return;
        _writer.WriteEndArray();
        _writer.WriteEndObject();
        _writer.Dispose();
        (_writer, int count) = (null, _count);
        _count = 0;
        var body = _batch.WrittenSpan.ToArray();
        _batch.ResetWrittenCount();
        var answer = _http.Send(() => Request(body));
        if (!answer.IsGood) throw new IOException($"{count} lines were not taken: {answer.Status} {answer.Text}");
    }

    private HttpRequestMessage Request(byte[] body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Url) { Content = LogHttp.Json(body) };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + _credentials.Token());
        return request;
    }

    public void Dispose()
    {
        _writer?.Dispose();
        _http.Dispose();
    }
}
