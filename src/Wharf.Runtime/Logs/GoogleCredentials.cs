using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Wharf.Runtime.Logs;

/// <summary>
/// Application default credentials: the key file of a service account that GOOGLE_APPLICATION_CREDENTIALS names, else the machine's own account
/// from Google's metadata server.
/// </summary>
internal sealed class GoogleCredentials(LogHttp http)
{
    private const string Scope = "https://www.googleapis.com/auth/logging.write";

    private string? _token;
    private DateTimeOffset _until;
    private bool? _onGoogle;

    /// <summary>Whether the machine is one of Google's: it has their metadata server.</summary>
    public bool IsOnGoogle => _onGoogle ??= Metadata("project/project-id") is not null;

    /// <summary>What the metadata server tells of the machine; null where there is none.</summary>
    public string? Metadata(string path)
    {
        if (_onGoogle == false) return null;
        try { return FromMetadata(path); }
        catch (IOException)
        {
            // Not one of Google's machines: the name means nothing here.
            _onGoogle = false;
            return null;
        }
    }

    private string FromMetadata(string path)
    {
        var host = Environment.GetEnvironmentVariable("GCE_METADATA_HOST") is { Length: > 0 } given ? given : "metadata.google.internal";
        var answer = http.Send(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, $"http://{host}/computeMetadata/v1/{path}");
            request.Headers.Add("Metadata-Flavor", "Google");
            return request;
        }, retry: false);
        return answer.IsGood ? answer.Text : throw new IOException($"metadata server: {path}: {answer.Status}");
    }

    /// <summary>A token that holds for another minute at least.</summary>
    public string Token()
    {
        if (_token is not null && DateTimeOffset.UtcNow < _until) return _token;
        var file = Environment.GetEnvironmentVariable("GOOGLE_APPLICATION_CREDENTIALS");
        try
        {
            using var document = JsonDocument.Parse(file is { Length: > 0 } ? FromKey(file) : FromMetadata("instance/service-accounts/default/token"));
            _token = document.RootElement.GetProperty("access_token").GetString() ?? "";
            _until = DateTimeOffset.UtcNow.AddSeconds(document.RootElement.GetProperty("expires_in").GetInt32() - 60);
            return _token;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException) { throw new IOException($"Google's credentials cannot be read: {error.Message}", error); }
    }

    /// <summary>RFC 7523: a statement signed with the account's key is changed for a token.</summary>
    private string FromKey(string file)
    {
        using var key = JsonDocument.Parse(File.ReadAllBytes(file));
        string Field(string name) => key.RootElement.TryGetProperty(name, out var value) ? value.GetString() ?? "" : throw new IOException($"{file}: no {name}");
        if (Field("type") != "service_account") throw new IOException($"{file}: credentials of type {Field("type")} are not known, only service_account");
        var (url, now) = (Field("token_uri"), DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        var claims = new MemoryStream();
        using (var writer = new Utf8JsonWriter(claims))
        {
            writer.WriteStartObject();
            writer.WriteString("iss"u8, Field("client_email"));
            writer.WriteString("scope"u8, Scope);
            writer.WriteString("aud"u8, url);
            writer.WriteNumber("iat"u8, now);
            writer.WriteNumber("exp"u8, now + 3600);
            writer.WriteEndObject();
        }
        var statement = $"{Base64Url.EncodeToString("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"u8)}.{Base64Url.EncodeToString(claims.ToArray())}";
        using var rsa = RSA.Create();
        try { rsa.ImportFromPem(Field("private_key")); }
        catch (ArgumentException error) { throw new IOException($"{file}: private_key is no PEM key", error); }
        var signed = $"{statement}.{Base64Url.EncodeToString(rsa.SignData(Encoding.ASCII.GetBytes(statement), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
        var answer = http.Send(() => new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = LogHttp.Json(Encoding.ASCII.GetBytes($"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={signed}"), "application/x-www-form-urlencoded"),
        });
        return answer.IsGood ? answer.Text : throw new IOException($"{url}: {answer.Status} {answer.Text}");
    }
}
