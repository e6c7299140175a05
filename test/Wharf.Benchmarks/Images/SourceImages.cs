using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Wharf.Benchmarks.Registry;

namespace Wharf.Benchmarks.Images;

/// <summary>Puts the images that are pulled into a registry: <c>wharf-bench/gzip:v1</c>, <c>:v2</c> with a small layer more, and <c>wharf-bench/zstd:v1</c>.</summary>
internal static class SourceImages
{
    public static async Task PushAsync(string registry, string archive)
    {
        await SkopeoAsync($"docker-archive:{archive}", $"docker://{registry}/wharf-bench/gzip:v1", "gzip");
        await SkopeoAsync($"docker-archive:{archive}", $"docker://{registry}/wharf-bench/zstd:v1", "zstd");
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://{registry}/v2/wharf-bench/gzip/") };
        using var asked = new HttpRequestMessage(HttpMethod.Get, "manifests/v1");
        asked.Headers.TryAddWithoutValidation("Accept", "application/vnd.oci.image.manifest.v1+json");
        using var answer = await http.SendAsync(asked);
        answer.EnsureSuccessStatusCode();
        var manifest = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        var config = JsonNode.Parse(await http.GetStringAsync("blobs/" + manifest["config"]!["digest"]))!;
        var tar = Layer();
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(tar);
        config["rootfs"]!["diff_ids"]!.AsArray().Add(RegistryBench.Digest(tar));
        config.AsObject().Remove("history");
        var configBytes = RegistryBench.Text(config.ToJsonString());
        var layer = await UploadAsync(http, packed.ToArray());
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip";
        manifest["layers"]!.AsArray().Add(layer);
        var stored = await UploadAsync(http, configBytes);
        stored["mediaType"] = "application/vnd.oci.image.config.v1+json";
        manifest["config"] = stored;
        var body = new StringContent(manifest.ToJsonString());
        body.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.manifest.v1+json");
        using var put = await http.PutAsync("manifests/v2", body);
        put.EnsureSuccessStatusCode();
    }

    private static async Task<JsonObject> UploadAsync(HttpClient http, byte[] blob)
    {
        var digest = RegistryBench.Digest(blob);
        using var begun = await http.PostAsync("blobs/uploads/", null);
        var location = begun.Headers.Location!.ToString();
        using var done = await http.PutAsync($"{location}{(location.Contains('?') ? '&' : '?')}digest={digest}", new ByteArrayContent(blob));
        done.EnsureSuccessStatusCode();
        return new JsonObject { ["digest"] = digest, ["size"] = blob.Length };
    }

    private static byte[] Layer()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, leaveOpen: true))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "changed") { DataStream = new MemoryStream(RegistryBench.Text(new string('x', 100_000))) });
        return stream.ToArray();
    }

    private static async Task SkopeoAsync(string from, string to, string compression)
    {
        using var skopeo = Process.Start(new ProcessStartInfo("skopeo", ["copy", "--insecure-policy", "--dest-tls-verify=false", "--format", "oci", "--dest-compress-format", compression, from, to]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _ = skopeo.StandardOutput.ReadToEndAsync();
        var error = await skopeo.StandardError.ReadToEndAsync();
        await skopeo.WaitForExitAsync();
        if (skopeo.ExitCode != 0) throw new InvalidOperationException($"skopeo: {error}");
    }
}
