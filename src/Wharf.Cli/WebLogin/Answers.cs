using System.Text.Json.Serialization;

namespace Wharf.Cli.WebLogin;

/// <summary>The answer to a request for a device code (RFC 8628, section 3.2). Times are seconds.</summary>
internal sealed record DeviceCode
{
    [JsonPropertyName("device_code")] public string? Device { get; init; }
    [JsonPropertyName("user_code")] public string? User { get; init; }
    [JsonPropertyName("verification_uri")] public string? Place { get; init; }
    [JsonPropertyName("verification_uri_complete")] public string? PlaceWithCode { get; init; }
    [JsonPropertyName("expires_in")] public int ExpiresIn { get; init; }
    [JsonPropertyName("interval")] public int? Interval { get; init; }
}

/// <summary>Tokens, or why there are none yet or none at all (RFC 6749, sections 5.1 and 5.2).</summary>
internal sealed record TokenAnswer
{
    [JsonPropertyName("access_token")] public string? AccessToken { get; init; }
    [JsonPropertyName("refresh_token")] public string? RefreshToken { get; init; }
    [JsonPropertyName("error")] public string? Error { get; init; }
    [JsonPropertyName("error_description")] public string? Description { get; init; }
}

/// <summary>Docker Hub's answer to a request for a personal access token.</summary>
internal sealed record PersonalTokenAnswer
{
    [JsonPropertyName("data")] public PersonalToken? Data { get; init; }
}

/// <summary>What a registry takes for a password.</summary>
internal sealed record PersonalToken
{
    [JsonPropertyName("token")] public string? Token { get; init; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(DeviceCode))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(PersonalTokenAnswer))]
internal sealed partial class AnswersJson : JsonSerializerContext;
