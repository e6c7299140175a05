using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Engine.Archive;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Exporting;

/// <summary>A layout as one archive: OCI's, or docker's with its own manifest beside.</summary>
internal static class ArchiveExport
{
    public static async Task WriteAsync(ImageService images, ImageLayout layout, IReadOnlyList<string> names, bool docker, DateTimeOffset created, Stream output, CancellationToken cancellation)
    {
        var tar = new TarWriter(output);
        await DirectoryAsync(tar, "blobs/", cancellation);
        await DirectoryAsync(tar, "blobs/sha256/", cancellation);
        foreach (var blob in layout.Blobs.Concat(layout.Manifests).DistinctBy(static blob => blob.Digest).OrderBy(static blob => blob.Digest.Hex, StringComparer.Ordinal))
            await BlobAsync(tar, images, blob, cancellation);
        await FileAsync(tar, "index.json", Index(layout, names, created), cancellation);
        if (docker) await FileAsync(tar, "manifest.json", DockerManifest(layout, names), cancellation);
        await FileAsync(tar, "oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation);
        await tar.FinishAsync(cancellation);
    }

    private static byte[] Index(ImageLayout layout, IReadOnlyList<string> names, DateTimeOffset created)
    {
        var time = created.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        var root = new Descriptor { MediaType = layout.Root.MediaType, Digest = layout.Root.Digest, Size = layout.Root.Size };
        var manifests = names.Count == 0 ? [root with { Annotations = new() { ["org.opencontainers.image.created"] = time } }] : names.Select(name => root with
        {
            Annotations = new() { ["io.containerd.image.name"] = ImageReference.Parse(name).WithDefaultTag().Canonical, ["org.opencontainers.image.created"] = time, ["org.opencontainers.image.ref.name"] = ImageReference.Parse(name).WithDefaultTag().Tag! },
        }).ToList();
        return JsonSerializer.SerializeToUtf8Bytes(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = manifests }, ImageJson.Plain.ImageIndex);
    }

    private static byte[] DockerManifest(ImageLayout layout, IReadOnlyList<string> names)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartArray();
            foreach (var entry in layout.Entries)
            {
                json.WriteStartObject();
                json.WriteString("Config", "blobs/sha256/" + entry.Config.Digest.Hex);
                json.WriteStartArray("RepoTags");
                foreach (var name in names) json.WriteStringValue(ImageReference.Parse(name).WithDefaultTag().Familiar);
                json.WriteEndArray();
                json.WriteStartArray("Layers");
                foreach (var layer in entry.Layers) json.WriteStringValue("blobs/sha256/" + layer.Digest.Hex);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return text.ToArray();
    }

    private static async Task BlobAsync(TarWriter tar, ImageService images, Descriptor blob, CancellationToken cancellation)
    {
        await tar.WriteEntryAsync(new TarEntry { Name = Encoding.ASCII.GetBytes($"blobs/{blob.Digest.Algorithm}/{blob.Digest.Hex}"), Mode = 0x1a4, Size = blob.Size }, cancellation);
        await using var content = images.OpenBlob(blob.Digest);
        var buffer = new byte[128 << 10];
        int count;
        while ((count = await content.ReadAsync(buffer, cancellation)) > 0) await tar.WriteDataAsync(buffer.AsMemory(0, count), cancellation);
    }

    private static Task FileAsync(TarWriter tar, string name, byte[] bytes, CancellationToken cancellation) => tar.WriteFileAsync(new TarEntry { Name = Encoding.ASCII.GetBytes(name), Mode = 0x1a4 }, bytes, cancellation).AsTask();

    private static Task DirectoryAsync(TarWriter tar, string name, CancellationToken cancellation) => tar.WriteEntryAsync(new TarEntry { Type = TarType.Directory, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1ed }, cancellation).AsTask();
}
