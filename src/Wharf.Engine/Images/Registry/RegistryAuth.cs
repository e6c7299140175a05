using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// Answers a registry's challenge (RFC 7235; the distribution project's token specification). A credential is bound to the host it
/// was given for: it goes to that host and to the token service that this host names over TLS or on the same machine, nowhere else.
/// </summary>
internal sealed class RegistryAuth(HttpClient http, AuthConfig? credentials)
{
    private AuthenticationHeaderValue? _header;
    private string? _scope;

    public AuthenticationHeaderValue? HeaderFor(string scope) => _header is { Scheme: "Basic" } || _scope == scope ? _header : null;

    /// <summary>Prepares the header that the challenge asks for; false when there is nothing (more) to try.</summary>
    public async Task<bool> AnswerAsync(Uri registry, HttpHeaderValueCollection<AuthenticationHeaderValue> challenges, string scope, CancellationToken cancellation)
    {
        var bearer = challenges.FirstOrDefault(challenge => challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase));
        if (bearer is not null)
        {
            if (_header is not null && _scope == scope) return false;
            _header = new AuthenticationHeaderValue("Bearer", await TokenAsync(registry, Parameters(bearer.Parameter), scope, cancellation));
            _scope = scope;
            return true;
        }
        if (!challenges.Any(challenge => challenge.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)) || !HasPassword || _header is not null) return false;
        _header = Basic();
        return true;
    }

    private bool HasPassword => credentials is { Username.Length: > 0, Password.Length: > 0 };

    private AuthenticationHeaderValue Basic() => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials!.Username}:{credentials.Password}")));

    private async Task<string> TokenAsync(Uri registry, Dictionary<string, string> challenge, string scope, CancellationToken cancellation)
    {
        if (!challenge.TryGetValue("realm", out var text) || !Uri.TryCreate(text, UriKind.Absolute, out var realm) || realm.Scheme is not ("https" or "http"))
            throw WharfException.Unavailable($"the registry {registry.Authority} asks for a token but names no valid realm");
        var query = new StringBuilder(realm.Query.Length > 0 ? realm.Query + "&" : "?");
        if (challenge.TryGetValue("service", out var service)) query.Append("service=").Append(Uri.EscapeDataString(service)).Append('&');
        query.Append("scope=").Append(Uri.EscapeDataString(scope));
        using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(realm) { Query = query.ToString() }.Uri);
        if (HasPassword)
        {
            // A password must not leave an encrypted conversation, nor travel in the clear to another machine.
            if (realm.Scheme == "http" && !(registry.Scheme == "http" && (realm.IsLoopback || realm.Host == registry.Host)))
                throw new WharfException(ErrorKind.Unauthorized, $"the registry {registry.Authority} names a token service without TLS ({realm.Authority}): the credentials are not sent there");
            request.Headers.Authorization = Basic();
        }
        using var response = await http.SendAsync(request, cancellation);
        if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized) throw new WharfException(ErrorKind.Unauthorized, "unauthorized: incorrect username or password");
        if (!response.IsSuccessStatusCode) throw WharfException.Unavailable($"the token service {realm.Authority} answers {(int)response.StatusCode}");
        var token = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(cancellation), RegistryJson.Default.TokenResponse);
        return token?.Token ?? token?.AccessToken ?? throw WharfException.Unavailable($"the token service {realm.Authority} gave no token");
    }

    /// <summary>Parses <c>realm="…",service="…"</c>; commas inside quotes belong to the value.</summary>
    internal static Dictionary<string, string> Parameters(string? text)
    {
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        int at = 0;
        while (text is not null && at < text.Length)
        {
            int equals = text.IndexOf('=', at);
            if (equals < 0) break;
            var name = text[at..equals].Trim(' ', ',');
            at = equals + 1;
            var value = new StringBuilder();
            if (at < text.Length && text[at] == '"')
            {
                for (at++; at < text.Length && text[at] != '"'; at++)
                {
                    if (text[at] == '\\' && at + 1 < text.Length) at++;
                    value.Append(text[at]);
                }
                at++;
            }
            else for (; at < text.Length && text[at] != ','; at++) value.Append(text[at]);
            parameters[name] = value.ToString();
        }
        return parameters;
    }
}

/// <summary>A token service's answer.</summary>
internal sealed record TokenResponse
{
    [JsonPropertyName("token")] public string? Token { get; set; }
    [JsonPropertyName("access_token")] public string? AccessToken { get; set; }
}

/// <summary>A registry's error answer.</summary>
internal sealed record RegistryErrors
{
    [JsonPropertyName("errors")] public List<RegistryError>? Errors { get; set; }
}

internal sealed record RegistryError
{
    [JsonPropertyName("code")] public string? Code { get; set; }
    [JsonPropertyName("message")] public string? Message { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(RegistryErrors))]
internal sealed partial class RegistryJson : JsonSerializerContext;
