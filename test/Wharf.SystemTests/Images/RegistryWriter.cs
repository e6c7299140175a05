using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;

namespace Wharf.SystemTests.Images;

/// <summary>Puts documents and blobs of a test's own making into a registry; the client's base address ends with <c>/v2/</c>. Gives descriptors.</summary>
internal sealed class RegistryWriter(HttpClient http)
{
    public async Task<JsonObject> BlobAsync(string repository, byte[] bytes, string mediaType)
    {
        var digest = HostileServer.DigestOf(bytes);
        using var begun = await http.PostAsync($"{repository}/blobs/uploads/", null);
        var location = begun.Headers.Location!.ToString();
        (await http.PutAsync($"{location}{(location.Contains('?') ? '&' : '?')}digest={digest}", new ByteArrayContent(bytes))).IsSuccessStatusCode.ShouldBeTrue();
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = digest, ["size"] = bytes.Length };
    }

    public async Task<JsonObject> ManifestAsync(string repository, string? tag, JsonNode document)
    {
        var bytes = Encoding.UTF8.GetBytes(document.ToJsonString());
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue(document["mediaType"]!.GetValue<string>());
        var put = await http.PutAsync($"{repository}/manifests/{tag ?? HostileServer.DigestOf(bytes)}", content);
        put.IsSuccessStatusCode.ShouldBeTrue(await put.Content.ReadAsStringAsync());
        return new JsonObject { ["mediaType"] = document["mediaType"]!.GetValue<string>(), ["digest"] = HostileServer.DigestOf(bytes), ["size"] = bytes.Length };
    }

    /// <summary>An image of plain layers, lowest first.</summary>
    public async Task<JsonObject> ImageAsync(string repository, string tag, IReadOnlyList<byte[]> layers)
    {
        var config = new JsonObject
        {
            ["architecture"] = "amd64", ["os"] = "linux", ["config"] = new JsonObject(),
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. layers.Select(layer => (JsonNode)HostileServer.DigestOf(layer))]) },
        };
        var blobs = new JsonArray();
        foreach (var layer in layers) blobs.Add((JsonNode)await BlobAsync(repository, layer, "application/vnd.oci.image.layer.v1.tar"));
        return await ManifestAsync(repository, tag, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json", ["layers"] = blobs,
            ["config"] = await BlobAsync(repository, Encoding.UTF8.GetBytes(config.ToJsonString()), "application/vnd.oci.image.config.v1+json"),
        });
    }
}
