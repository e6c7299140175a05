using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Registry;
using Xunit;
using TestCertificates = Wharf.SystemTests.Registry.TestCertificates;

namespace Wharf.SystemTests.Clients;

/// <summary>Projects as artifacts of Wharf's registry: docker compose publishes them there and brings them up from there. It wants TLS of a registry, by an authority of SSL_CERT_FILE.</summary>
public sealed class ComposePublishTests(EngineFixture engine)
{
    private sealed record Site(RegistryProcess Registry, TestCertificates Certificates, Dictionary<string, string> Environment) : IAsyncDisposable
    {
        public static async Task<Site> StartAsync()
        {
            var certificates = new TestCertificates();
            var registry = new RegistryProcess();
            certificates.Write(registry.Root, "server", "registry");
            certificates.WriteAuthority(Path.Combine(registry.Root, "ca.crt"));
            await registry.StartAsync("""{"tls": {"certificate": "ROOT/server.crt", "key": "ROOT/server.key"}}""");
            // What was fetched is kept below the cache directory.
            return new Site(registry, certificates, new() { ["SSL_CERT_FILE"] = Path.Combine(registry.Root, "ca.crt"), ["XDG_CACHE_HOME"] = Path.Combine(registry.Root, "cache"), ["HOME"] = registry.Root });
        }

        public async ValueTask DisposeAsync()
        {
            await Registry.DisposeAsync();
            Certificates.Dispose();
        }
    }

    [Fact]
    public async Task A_project_is_published_and_comes_up_from_the_registry()
    {
        await using var site = await Site.StartAsync();
        await using var project = await ComposeProject.MakeAsync(engine, """
            services:
              app:
                extends:
                  file: base.yaml
                  service: base
                environment: { GREETING: "${GREETING:-hello}" }
            """, ("base.yaml", """
            services:
              base:
                image: busybox
                command: ["sh", "-c", "echo $$GREETING from the registry"]
            """));
        foreach (var (key, value) in site.Environment) project.Environment[key] = value;
        var reference = $"{site.Registry.Authority}/projects/app:1";
        (await project.ComposeAsync("publish", "--yes", reference)).ShouldExit(0);
        using var api = new HttpClient(site.Certificates.Handler());
        api.DefaultRequestHeaders.Add("Accept", "application/vnd.oci.image.manifest.v1+json");
        var manifest = JsonNode.Parse(await api.GetStringAsync($"{site.Registry.Url}v2/projects/app/manifests/1", TestContext.Current.CancellationToken))!;
        ((string)manifest["artifactType"]!).ShouldBe("application/vnd.docker.compose.project");
        manifest["layers"]!.AsArray().Select(layer => (string)layer!["mediaType"]!).ShouldContain("application/vnd.docker.compose.file+yaml");

        var name = project.Name + "-remote";
        string[] remote = ["-p", name, "-f", "oci://" + reference];
        try
        {
            (await RunAsync(site, [.. remote, "up", "-y", "--exit-code-from", "app"])).ShouldExit(0);
            (await RunAsync(site, [.. remote, "logs", "--no-log-prefix", "app"])).ShouldExit(0).Out.ShouldBe("hello from the registry\n");
        }
        finally { (await RunAsync(site, [.. remote, "down", "-t", "0"])).ShouldExit(0); }
        (await RunAsync(site, ["-p", name, "-f", $"oci://{site.Registry.Authority}/projects/none:1", "config"])).ExitCode.ShouldNotBe(0);
    }

    private Task<CommandResult> RunAsync(Site site, params string[] args) => ComposeProject.RunAsync(engine, site.Environment, args);

    /// <summary>CVE-2025-62725: the annotations of an artifact's layers name files, which must not leave the directory they are fetched to.</summary>
    [Fact]
    public async Task An_artifact_that_leaves_its_directory_is_refused()
    {
        await using var site = await Site.StartAsync();
        using var api = new HttpClient(site.Certificates.Handler()) { BaseAddress = site.Registry.Url };
        var marker = Path.Combine(site.Registry.Root, "escaped.yaml");
        var file = await PushBlobAsync(api, "services: { app: { extends: { file: base.yaml, service: base } } }\n");
        var evil = await PushBlobAsync(api, "services: { base: { image: busybox } }\n");
        var config = await PushBlobAsync(api, "{}");
        JsonObject Layer((string Digest, int Size) blob, params (string Key, string Value)[] annotations)
        {
            var map = new JsonObject();
            foreach (var (key, value) in annotations) map[key] = value;
            return new JsonObject { ["mediaType"] = "application/vnd.docker.compose.file+yaml", ["digest"] = blob.Digest, ["size"] = blob.Size, ["annotations"] = map };
        }
        var up = string.Concat(Enumerable.Repeat("../", 12));
        foreach (var escape in (string[])[up + marker[1..], marker])
        {
            var manifest = new JsonObject
            {
                ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json", ["artifactType"] = "application/vnd.docker.compose.project",
                ["config"] = new JsonObject { ["mediaType"] = "application/vnd.docker.compose.config.empty.v1+json", ["digest"] = config.Digest, ["size"] = config.Size },
                ["layers"] = new JsonArray(Layer(file, ("com.docker.compose.version", "2.40.3"), ("com.docker.compose.file", "compose.yaml")), Layer(evil, ("com.docker.compose.version", "2.40.3"), ("com.docker.compose.file", escape), ("com.docker.compose.extends", "true"))),
            };
            using var body = new StringContent(manifest.ToJsonString(), Encoding.UTF8, "application/vnd.oci.image.manifest.v1+json");
            (await api.PutAsync("v2/projects/evil/manifests/1", body, TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();
            var result = await RunAsync(site, "-p", "evil", "-f", $"oci://{site.Registry.Authority}/projects/evil:1", "config");
            result.ExitCode.ShouldNotBe(0);
            result.Error.ShouldContain("invalid OCI artifact");
            File.Exists(marker).ShouldBeFalse();
        }
    }

    private static async Task<(string Digest, int Size)> PushBlobAsync(HttpClient api, string content)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
        using var body = new ByteArrayContent(bytes);
        (await api.PostAsync($"v2/projects/evil/blobs/uploads/?digest={digest}", body)).EnsureSuccessStatusCode();
        return (digest, bytes.Length);
    }
}
