using System.Text.Json;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
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

    /// <summary>
    /// Takes the steps that an image names into a build, which keeps their layers. An image that is not here is pulled, unless <paramref name="localOnly"/>,
    /// and is no image of the store afterwards. Gives how many steps there were.
    /// </summary>
    public async Task<int> ImportInlineCacheAsync(string name, BuildRequest request, bool localOnly, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        try
        {
            return Take(await _images.GetAsync(name, null, cancellation), name, request);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound && !localOnly)
        {
            // Not here: it is pulled.
        }
        var reference = ImageReference.Parse(name).WithDefaultTag();
        var pulled = await _images.PullAsync(reference.Familiar, request.Platform, await request.Credentials(reference.Domain, cancellation), progress, cancellation);
        int count = Take(pulled, name, request);
        await _images.RemoveAsync(reference.Familiar, force: false, prune: true, cancellation);
        return count;
    }

    private int Take(Images.ImageRecord image, string name, BuildRequest request)
    {
        if (image.Config.Unknown?.GetValueOrDefault(InlineMember) is not { ValueKind: JsonValueKind.Array } steps) return 0;
        request.Hold.Add(image.ChainId);
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        var now = DateTimeOffset.UtcNow;
        int taken = 0;
        foreach (var step in steps.EnumerateArray())
        {
            if (step.ValueKind != JsonValueKind.Object || !step.TryGetProperty("key", out var key) || key.ValueKind != JsonValueKind.String || !step.TryGetProperty("layers", out var layers) || !layers.TryGetInt32(out int count)) continue;
            if (key.GetString() is not { Length: KeyLength } text || count < 1 || count > diffIds.Count) continue;
            var parent = ChainId.Of(diffIds.Take(count - 1));
            var chain = ChainId.Of(parent, diffIds[count - 1]);
            if (!_snapshots.Exists(chain)) continue;
            request.Imported[text] = new CachedStep(text, parent, chain, diffIds[count - 1], _snapshots.LayerSize(chain), "regular", $"imported from {name}", now, now, 0);
            taken++;
        }
        return taken;
    }
}
