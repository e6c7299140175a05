using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands;

/// <summary>A platform as typed (<c>linux/arm64/v8</c>) and as the API wants it.</summary>
internal static class Platform
{
    /// <summary>DOCKER_DEFAULT_PLATFORM: what <c>--platform</c> is when it is not given. Pushing and saving do not look at it, as docker's do not.</summary>
    public static string OfEnvironment => Environment.GetEnvironmentVariable("DOCKER_DEFAULT_PLATFORM") ?? "";

    /// <summary>Up to three parts of letters, digits, dots, dashes and underscores; of the last one it is left to the daemon what it means.</summary>
    public static bool IsValid(string text) => text == "" || (text.Split('/') is { Length: <= 3 } parts && parts.All(part => part != "" && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '(' or ')')));

    public static string ToJson(string text)
    {
        var parts = text.Split('/');
        return Json.WriteMap(new[] { "os", "architecture", "variant" }.Zip(parts, (name, value) => new KeyValuePair<string, string?>(name, value)));
    }
}
