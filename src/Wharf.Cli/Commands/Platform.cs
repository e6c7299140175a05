using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands;

/// <summary>A platform as typed (<c>linux/arm64/v8</c>) and as the API wants it.</summary>
internal static class Platform
{
    public static string ToJson(string text)
    {
        var parts = text.Split('/');
        return Json.WriteMap(new[] { "os", "architecture", "variant" }.Zip(parts, (name, value) => new KeyValuePair<string, string?>(name, value)));
    }
}
