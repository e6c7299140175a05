using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Cli.Commands;

/// <summary>A platform as typed (<c>linux/arm64/v8</c>) and as the API wants it.</summary>
internal static class Platform
{
    /// <summary>DOCKER_DEFAULT_PLATFORM: what <c>--platform</c> is when it is not given. Pushing and saving do not look at it, as docker's do not.</summary>
    public static string OfEnvironment => Environment.GetEnvironmentVariable("DOCKER_DEFAULT_PLATFORM") ?? "";

    /// <summary>Up to three parts of letters, digits, dots, dashes and underscores; of the last one it is left to the daemon what it means.</summary>
    public static bool IsValid(string text) => text == "" || (text.Split('/') is { Length: <= 3 } parts && parts.All(part => part != "" && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '(' or ')')));

    /// <summary>The JSON of what was typed; null of nothing. What cannot be read is refused, after the words of <paramref name="refusal"/>.</summary>
    public static string? ToJson(string text, string refusal = "")
    {
        if (text == "") return null;
        try
        {
            var platform = PlatformSpecifier.Parse(text);
            var members = new List<KeyValuePair<string, string?>> { new("os", platform.Os), new("architecture", platform.Architecture) };
            if (platform.Variant is not null) members.Add(new("variant", platform.Variant));
            return Json.WriteMap(members);
        }
        catch (WharfException error) { throw new CliException(refusal + error.Message, inner: error); }
    }
}
