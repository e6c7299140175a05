using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Specs.Shim;

/// <summary>Source-generated JSON between engine and shim.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 32)]
[JsonSerializable(typeof(ShimRequest))]
[JsonSerializable(typeof(ShimResponse))]
[JsonSerializable(typeof(ShimEvent))]
public sealed partial class ShimJson : JsonSerializerContext;
