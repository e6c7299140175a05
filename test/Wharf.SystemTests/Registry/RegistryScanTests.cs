using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>What is installed in an image, by its layers, and what the administrator's advisories say of it.</summary>
public sealed class RegistryScanTests
{
    private const string ConfigType = "application/vnd.oci.image.config.v1+json", LayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

    private static byte[] Layer(params (string Name, string Text)[] files) => Layer([.. files.Select(file => (file.Name, Encoding.UTF8.GetBytes(file.Text)))]);

    private static byte[] Layer(params (string Name, byte[] Bytes)[] files)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Pax))
            foreach (var (name, content) in files) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content), Mode = (UnixFileMode)0b111_101_101 });
        return bytes.ToArray();
    }

    private static async Task PushAsync(RegistryApi api, string name, string tag, params byte[][] layers)
    {
        await api.PushBlobAsync(name, RegistryApi.Empty);
        foreach (var layer in layers) await api.PushBlobAsync(name, layer);
        var list = string.Join(',', layers.Select(layer => $$"""{"mediaType":"{{LayerType}}","digest":"{{RegistryApi.DigestOf(layer)}}","size":{{layer.Length}}}"""));
        var manifest = $$"""{"schemaVersion":2,"mediaType":"{{RegistryApi.OciManifest}}","config":{"mediaType":"{{ConfigType}}","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":2},"layers":[{{list}}]}""";
        await (await api.PutManifestAsync(name, tag, Encoding.UTF8.GetBytes(manifest))).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_scan_reads_the_layers_and_tells_what_is_vulnerable()
    {
        var feed = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(feed, """{"openssl":{"CVE-2023-1":{"description":"d","releases":{"bookworm":{"status":"resolved","fixed_version":"3.0.11-1","urgency":"high"}}}}}""");
            await using var registry = await RegistryProcess.WharfAsync($$"""{ "vulnerabilities": { "feeds": ["{{feed}}"] } }""");
            using var api = new RegistryApi(registry.Url);
            var system = ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
            var old = Layer(system, ("var/lib/dpkg/status", "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.9-1\n"));
            await PushAsync(api, "scan/app", "old", old);
            await PushAsync(api, "scan/app", "new", old, Layer(("./var/lib/dpkg/status", "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1\n")));
            await PushAsync(api, "scan/app", "bare", old, Layer(("var/lib/.wh.dpkg", "")));
            var name = $"127.0.0.1:{registry.Port}/scan/app";
            var found = await WharfAsync("registry", "scan", "--exit-code", $"{name}:old");
            found.ExitCode.ShouldBe(2, found.Error);
            found.Text.ShouldContain("debian 12, 1 packages, 1 findings");
            found.Text.ShouldContain("CVE-2023-1\tlibssl3\t3.0.9-1\tfixed in 3.0.11-1\thigh");
            (await WharfAsync("registry", "scan", "--exit-code", $"{name}:new")).ShouldExit(0).Text.ShouldContain("1 packages, 0 findings");
            (await WharfAsync("registry", "scan", $"{name}:bare")).ShouldExit(0).Text.ShouldContain("0 packages, 0 findings");
            // New advisories count at once.
            await File.WriteAllTextAsync(feed, """{"openssl":{"CVE-2024-2":{"description":"d","releases":{"bookworm":{"status":"open","urgency":"low"}}}}}""");
            File.SetLastWriteTimeUtc(feed, DateTime.UtcNow.AddMinutes(1));
            (await WharfAsync("registry", "scan", "--packages", $"{name}:new")).ShouldExit(0).Text.ShouldContain("CVE-2024-2\tlibssl3\t3.0.11-1\tno fix\tlow");
            (await api.GetAsync("/api/scan/scan%2Fapp?reference=none")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
            await api.PushImageAsync("scan/artifact", "v1", [1]);
            (await api.GetAsync("/api/scan/scan%2Fartifact?reference=v1")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
            await PushAsync(api, "scan/bad", "v1", "no tar and no gzip"u8.ToArray());
            (await api.GetAsync("/api/scan/scan%2Fbad?reference=v1")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        }
        finally { File.Delete(feed); }
    }

    [Fact]
    public async Task Packages_of_languages_and_modules_of_programs_are_found()
    {
        const string Registry = "/usr/bin/docker-registry";
        Assert.SkipUnless(File.Exists(Registry), "Debian's docker-registry, a program of Go's, is not here");
        var feed = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(feed, """{"id":"GHSA-1","aliases":["CVE-2021-23337"],"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}],"database_specific":{"severity":"HIGH"}}""");
            await using var registry = await RegistryProcess.WharfAsync($$"""{ "vulnerabilities": { "feeds": ["{{feed}}"] } }""");
            using var api = new RegistryApi(registry.Url);
            var lodash = ("app/node_modules/lodash/package.json", """{"name":"lodash","version":"4.17.20"}"""u8.ToArray());
            await PushAsync(api, "scan/node", "v1", Layer(lodash, ("app/package-lock.json", """{"packages":{"node_modules/dev-only":{"version":"1.0.0"}}}"""u8.ToArray()), ("usr/bin/registry", await File.ReadAllBytesAsync(Registry)), ("app/broken.deps.json", "{"u8.ToArray())));
            await PushAsync(api, "scan/node", "v2", Layer(lodash), Layer(("app/node_modules/.wh.lodash", "")));
            var name = $"127.0.0.1:{registry.Port}/scan/node";
            var found = (await WharfAsync("registry", "scan", "--packages", $"{name}:v1")).ShouldExit(0).Text;
            found.ShouldContain("CVE-2021-23337\tlodash\t4.17.20\tfixed in 4.17.21\tHIGH");
            found.ShouldContain("\tgolang\n");
            found.ShouldContain("stdlib\t1.");
            found.ShouldContain("not read: app/broken.deps.json");
            found.ShouldNotContain("dev-only", customMessage: "what is installed counts, not what was to be");
            (await WharfAsync("registry", "scan", $"{name}:v2")).ShouldExit(0).Text.ShouldContain("0 packages, 0 findings");
            // And on the page.
            await using var browser = await Chromium.OpenAsync(new Uri(registry.Url, "/#/t/scan/node:v1"));
            await browser.UntilAsync("document.querySelector('.scan button')");
            await browser.EvaluateAsync("document.querySelector('.scan button').click()");
            await browser.UntilAsync("document.querySelector('.scan').innerText.includes('CVE-2021-23337') && document.querySelector('.scan').innerText.includes('fixed in 4.17.21')");
        }
        finally { File.Delete(feed); }
    }

    private static Task<CommandResult> WharfAsync(params string[] args) => CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), args);
}
