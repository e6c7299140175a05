using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Specs.Image;

/// <summary>Source-generated JSON of the OCI image documents.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 32)]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(OciImage))]
[JsonSerializable(typeof(Descriptor))]
[JsonSerializable(typeof(List<string>))]
public sealed partial class ImageJson : JsonSerializerContext
{
    /// <summary>For documents that others read and that have digests: a plus sign stands as itself, as every other tool writes it.</summary>
    public static ImageJson Plain => PlainContext.Instance;

    // Made when first used, when the generated part has its own statics.
    private static class PlainContext
    {
        public static readonly ImageJson Instance = new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
