using System.Net;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>The page for people, as a real Chromium renders it.</summary>
public sealed class RegistryPageTests(WharfRegistryFixture registry) : IClassFixture<WharfRegistryFixture>
{
    private async Task<string> RenderAsync(string hash)
    {
        if (!File.Exists("/usr/bin/chromium")) Assert.Skip("no chromium on this machine");
        var profile = Directory.CreateTempSubdirectory("wharf-chromium-").FullName;
        try
        {
            return (await CommandResult.RunAsync("chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", $"--user-data-dir={profile}", "--virtual-time-budget=15000", "--dump-dom", $"{registry.Process.Url}{hash}"], seconds: 90)).ShouldExit(0).Out;
        }
        finally { Directory.Delete(profile, recursive: true); }
    }

    private async Task<string> PushAsync(string name)
    {
        var layer = "layer of the page's test"u8.ToArray();
        var config = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64", os = "linux", author = "Ada", config = new { Cmd = new[] { "/bin/serve" }, Labels = new Dictionary<string, string> { ["evil"] = "<img src=x onerror=document.title='hacked'>" } },
            rootfs = new { type = "layers", diff_ids = new[] { RegistryApi.DigestOf(layer) } }, history = new object[] { new { created_by = "COPY app /app" }, new { created_by = "CMD [\"/bin/serve\"]", empty_layer = true } },
        });
        await registry.Api.PushBlobAsync(name, config);
        await registry.Api.PushBlobAsync(name, layer);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2, mediaType = RegistryApi.OciManifest, config = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = RegistryApi.DigestOf(config), size = config.Length },
            layers = new[] { new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = RegistryApi.DigestOf(layer), size = layer.Length } },
        });
        await (await registry.Api.PutManifestAsync(name, "v1", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        return RegistryApi.DigestOf(manifest);
    }

    [Fact]
    public async Task Repositories_tags_layers_and_history_are_shown_as_text()
    {
        var digest = await PushAsync("page/app");
        var list = await RenderAsync("");
        list.ShouldContain("href=\"#/r/page/app\"");
        var repository = await RenderAsync("#/r/page/app");
        repository.ShouldContain("href=\"#/t/page/app:v1\"");
        repository.ShouldContain($"docker pull {registry.Process.Authority}/page/app");
        var tag = await RenderAsync("#/t/page/app:v1");
        tag.ShouldContain(digest);
        tag.ShouldContain("COPY app /app");
        tag.ShouldContain("linux/amd64");
        tag.ShouldContain("&lt;img src=x");
        tag.ShouldNotContain("<title>hacked");
        tag.ShouldContain("Delete this manifest");
    }

    [Fact]
    public async Task The_page_allows_nothing_from_elsewhere()
    {
        foreach (var path in (string[])["/", "/ui/app.js", "/ui/style.css"])
        {
            var response = await registry.Api.GetAsync(path);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            response.Header("Content-Security-Policy")!.ShouldContain("default-src 'none'");
            Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync()).ShouldNotContain("innerHTML");
        }
        (await registry.Api.GetAsync("/ui/other.js")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
