using System.Globalization;
using System.Text.Json;

namespace Wharf.Runtime.Logs;

/// <summary>Keys that requests to AWS are signed with.</summary>
internal sealed record AwsKeys(string AccessKey, string SecretKey, string? SessionToken);

/// <summary>
/// Finds keys where AWS's own programs do: the environment, the shared credentials file, a container's credentials endpoint, the machine's
/// role. An endpoint that a log option names comes first.
/// </summary>
internal sealed class AwsCredentials(LogHttp http, string? endpoint)
{
    private AwsKeys? _keys;
    private DateTimeOffset _until;

    public static string? EnvironmentRegion => Variable("AWS_REGION") ?? Variable("AWS_DEFAULT_REGION");

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    /// <summary>Keys that hold for another five minutes at least.</summary>
    public AwsKeys Keys()
    {
        if (_keys is not null && DateTimeOffset.UtcNow < _until) return _keys;
        if ((endpoint is { Length: > 0 } ? "http://169.254.170.2" + endpoint : null) is { } asked) return FromEndpoint(asked, authorization: null);
        if (Variable("AWS_ACCESS_KEY_ID") is { } access && Variable("AWS_SECRET_ACCESS_KEY") is { } secret) return Keep(new AwsKeys(access, secret, Variable("AWS_SESSION_TOKEN")), DateTimeOffset.MaxValue);
        if (FromFile() is { } shared) return Keep(shared, DateTimeOffset.UtcNow.AddMinutes(10));
        if (Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") is { } relative) return FromEndpoint("http://169.254.170.2" + relative, Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
        if (Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") is { } full) return FromEndpoint(full, Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
        if (Metadata("iam/security-credentials/") is { Length: > 0 } role && Metadata("iam/security-credentials/" + role.Split('\n')[0].Trim()) is { } text) return FromJson(text);
        throw new IOException("no credentials for AWS: not in the environment, the shared credentials file, a credentials endpoint or the machine's role");
    }

    private AwsKeys Keep(AwsKeys keys, DateTimeOffset until)
    {
        (_keys, _until) = (keys, until);
        return keys;
    }

    private static AwsKeys? FromFile()
    {
        var path = Variable("AWS_SHARED_CREDENTIALS_FILE") ?? Path.Combine(Variable("HOME") ?? "/root", ".aws", "credentials");
        if (!File.Exists(path)) return null;
        var (wanted, profile, values) = ($"[{Variable("AWS_PROFILE") ?? "default"}]", "", new Dictionary<string, string>());
        foreach (var line in File.ReadLines(path).Select(line => line.Trim()))
        {
            if (line.StartsWith('[')) profile = line;
            else if (profile == wanted && line.Split('=', 2) is [var key, var value] && !line.StartsWith('#')) values[key.Trim()] = value.Trim();
        }
        return values.TryGetValue("aws_access_key_id", out var access) && values.TryGetValue("aws_secret_access_key", out var secret) ? new AwsKeys(access, secret, values.GetValueOrDefault("aws_session_token")) : null;
    }

    private AwsKeys FromEndpoint(string url, string? authorization)
    {
        var answer = http.Send(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
            return request;
        });
        return answer.IsGood ? FromJson(answer.Text) : throw new IOException($"{url}: {answer.Status}");
    }

    private AwsKeys FromJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            string Field(string name) => document.RootElement.GetProperty(name).GetString() ?? "";
            var until = document.RootElement.TryGetProperty("Expiration", out var expiration) ? DateTimeOffset.Parse(expiration.GetString() ?? "", CultureInfo.InvariantCulture) : DateTimeOffset.MaxValue;
            return Keep(new AwsKeys(Field("AccessKeyId"), Field("SecretAccessKey"), Field("Token")), until == DateTimeOffset.MaxValue ? until : until.AddMinutes(-5));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or FormatException or InvalidOperationException) { throw new IOException($"credentials for AWS cannot be read: {error.Message}", error); }
    }

    /// <summary>What the instance metadata service (version 2) tells; null where there is none.</summary>
    public string? Metadata(string path)
    {
        var host = Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")?.TrimEnd('/') ?? "http://169.254.169.254";
        if (Variable("AWS_EC2_METADATA_DISABLED")?.ToLowerInvariant() == "true") return null;
        try
        {
            var token = http.Send(() =>
            {
                var request = new HttpRequestMessage(HttpMethod.Put, host + "/latest/api/token");
                request.Headers.Add("X-aws-ec2-metadata-token-ttl-seconds", "300");
                return request;
            }, retry: false);
            if (!token.IsGood) return null;
            var answer = http.Send(() =>
            {
                var request = new HttpRequestMessage(HttpMethod.Get, $"{host}/latest/meta-data/{path}");
                request.Headers.TryAddWithoutValidation("X-aws-ec2-metadata-token", token.Text);
                return request;
            }, retry: false);
            return answer.IsGood ? answer.Text : null;
        }
        catch (IOException) { return null; /* not a machine of theirs */ }
    }
}
