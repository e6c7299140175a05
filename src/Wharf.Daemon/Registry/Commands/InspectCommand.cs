using System.Text.Encodings.Web;
using System.Text.Json;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry inspect</c>: a manifest with its digest and, for an image, its configuration.</summary>
internal static class InspectCommand
{
    private const long MaxConfig = 8 << 20;

    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var name = ImageReference.Parse(arguments.Exactly(1, "wharf registry inspect HOST/REPOSITORY[:TAG|@DIGEST]")[0]).WithDefaultTag();
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectAsync(name, false, CancellationToken.None);
        var (bytes, mediaType, digest) = await client.ManifestAsync(name.Digest?.ToString() ?? name.Tag!, CancellationToken.None);
        await using var output = Console.OpenStandardOutput();
        if (arguments.Has("--raw"))
        {
            await output.WriteAsync(bytes);
            return 0;
        }
        var document = ManifestDocument.Parse(bytes, mediaType);
        using var manifest = JsonDocument.Parse(bytes);
        await using (var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, IndentSize = 4, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString("Name", name.Familiar);
            writer.WriteString("Digest", digest.ToString());
            writer.WriteString("MediaType", document.MediaType);
            writer.WriteNumber("ManifestSize", bytes.Length);
            writer.WriteNumber("ContentSize", document.References.Sum(reference => reference.Size));
            writer.WritePropertyName("Manifest");
            manifest.RootElement.WriteTo(writer);
            if (document.Config is not null && manifest.RootElement.GetProperty("config").GetProperty("mediaType").GetString() is MediaTypes.OciConfig or MediaTypes.DockerConfig)
            {
                var size = manifest.RootElement.GetProperty("config").GetProperty("size").GetInt64();
                using var content = JsonDocument.Parse(await client.BlobAsync(new Descriptor { Digest = document.Config.Value, Size = size }, MaxConfig, CancellationToken.None));
                writer.WritePropertyName("Config");
                content.RootElement.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        await output.WriteAsync("\n"u8.ToArray());
        return 0;
    }
}
