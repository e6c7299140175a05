using System.Text.Json;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>A JSON array of words where docker takes one word: an entrypoint of more than one, a health check without a shell.</summary>
internal static class WordList
{
    /// <summary>The words; null when the text is no such array, as <c>[ -f /ready ]</c>.</summary>
    public static List<string>? Parse(string text)
    {
        if (!text.StartsWith('[')) return null;
        try
        {
            return JsonSerializer.Deserialize(text, DockerApiJson.Default.ListString) is { Count: > 0 } words && !words.Contains(null!) ? words : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
