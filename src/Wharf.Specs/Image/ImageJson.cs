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
public sealed partial class ImageJson : JsonSerializerContext;
