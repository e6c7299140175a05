using System.Text.Json;
using Wharf.Engine.Build.Planning;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>
/// The cache that travels in an image: its configuration tells which step gave which of its layers. Another daemon that has the image need not
/// run these steps.
/// </summary>
public sealed partial class BuildService
{
    /// <summary>The member of the configuration: a list of a step's key and how many of the image's layers it stands on and made.</summary>
    private const string InlineMember = "wharf.cache.v1";
    private const int KeyLength = 64;

    /// <summary>The same image with its steps named.</summary>
    public static async Task<SolvedTarget> WithInlineCacheAsync(SolvedTarget target)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartArray();
            foreach (var node in target.Plan.Nodes)
            {
                if (node is BaseNode || node.Progress.Completed is not { IsCompletedSuccessfully: true } completed) continue;
                var result = await completed;
                if (result.Key is null || result.Empty || result.DiffIds.Count > target.Root.DiffIds.Count || !result.DiffIds.SequenceEqual(target.Root.DiffIds.Take(result.DiffIds.Count))) continue;
                json.WriteStartObject();
                json.WriteString("key", result.Key);
                json.WriteNumber("layers", result.DiffIds.Count);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        using var document = JsonDocument.Parse(bytes.ToArray());
        return target with { Image = target.Image with { Unknown = new(target.Image.Unknown ?? []) { [InlineMember] = document.RootElement.Clone() } } };
    }
}
