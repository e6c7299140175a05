using System.Net;
using System.Text;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Collection, retention, immutability, quotas, scrub, webhooks, audit log, metrics.</summary>
public sealed class RegistryUpkeepTests
{
    private static async Task<JsonElement> CollectAsync(RegistryApi api, string grace = "0s")
    {
        var response = await api.SendAsync("POST", $"/api/collect?grace={grace}");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        return await response.JsonAsync();
    }

    private static List<string> BlobFiles(RegistryProcess registry) => [.. Directory.EnumerateFiles(Path.Combine(registry.Root, "store", "blobs"), "*", SearchOption.AllDirectories).Select(Path.GetFileName).OfType<string>()];

    [Fact]
    public async Task Collection_frees_what_nothing_references_and_nothing_else()
    {
        await using var registry = await RegistryProcess.WharfAsync("""{ "collection": { "untagged-after": "0s" } }""");
        using var api = new RegistryApi(registry.Url);
        var kept = RegistryAnswers.Bytes(1, 5000);
        var manifest = await api.PushImageAsync("gc/app", "v1", kept);
        var sbom = await api.PushImageAsync("gc/app", null, RegistryAnswers.Bytes(5, 100), RegistryApi.DigestOf(manifest), manifest.Length, "application/sbom");
        var child = await api.PushImageAsync("gc/app", null, RegistryAnswers.Bytes(2, 100));
        await (await api.PutManifestAsync("gc/app", "multi", RegistryApi.Index(child), RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        var loose = RegistryAnswers.Bytes(3, 7000);
        await api.PushBlobAsync("gc/app", loose);
        await api.PushImageAsync("gc/app", "gone", RegistryAnswers.Bytes(4, 3000));
        await (await api.DeleteAsync("/v2/gc/app/manifests/gone")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await CollectAsync(api, "1h")).GetProperty("blobs").GetInt32().ShouldBe(0, "a blob that nothing references yet may be part of a push under way");
        (await CollectAsync(api)).GetProperty("blobs").GetInt32().ShouldBe(2, "the loose blob, and the layer of the manifest that went with the first collection");
        foreach (var reference in (string[])["v1", "multi", RegistryApi.DigestOf(sbom), RegistryApi.DigestOf(child)])
            (await api.HeadAsync($"/v2/gc/app/manifests/{reference}")).StatusCode.ShouldBe(HttpStatusCode.OK, reference);
        (await (await api.GetAsync($"/v2/gc/app/blobs/{RegistryApi.DigestOf(kept)}")).Content.ReadAsByteArrayAsync()).ShouldBe(kept);
        (await api.HeadAsync($"/v2/gc/app/blobs/{RegistryApi.DigestOf(loose)}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        BlobFiles(registry).ShouldNotContain(RegistryApi.DigestOf(loose)[7..]);
    }

    [Fact]
    public async Task Storage_in_memory_leaves_nothing()
    {
        var before = Directory.GetDirectories("/dev/shm", "wharf-registry-*");
        await using var registry = await RegistryProcess.WharfAsync("""{ "storage": { "type": "memory" } }""");
        using var api = new RegistryApi(registry.Url);
        var layer = RegistryAnswers.Bytes(1, 500_000);
        await api.PushImageAsync("memory/app", "v1", layer);
        (await (await api.GetAsync($"/v2/memory/app/blobs/{RegistryApi.DigestOf(layer)}")).Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        Directory.Exists(Path.Combine(registry.Root, "store", "blobs")).ShouldBeFalse();
        var own = Directory.GetDirectories("/dev/shm", "wharf-registry-*").Except(before).Where(path => Directory.Exists(path + "/repositories/memory")).ShouldHaveSingleItem();
        (await registry.StopAsync()).ShouldBe(0);
        Directory.Exists(own).ShouldBeFalse();
    }

    [Fact]
    public async Task A_whole_repository_can_be_deleted_and_its_space_comes_back()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        var shared = RegistryAnswers.Bytes(1, 500);
        await api.PushImageAsync("a/one", "v1", shared);
        await api.PushImageAsync("a/two", "v1", shared);
        var own = RegistryAnswers.Bytes(2, 900);
        await api.PushImageAsync("a/one", "v2", own);
        BlobFiles(registry).Count(name => name == RegistryApi.DigestOf(shared)[7..]).ShouldBe(1, "blobs are kept once for all repositories");
        (await api.DeleteAsync("/api/repositories/a%2Fone")).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await api.GetAsync("/v2/a/one/tags/list")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        BlobFiles(registry).ShouldNotContain(RegistryApi.DigestOf(own)[7..]);
        (await (await api.GetAsync($"/v2/a/two/blobs/{RegistryApi.DigestOf(shared)}")).Content.ReadAsByteArrayAsync()).ShouldBe(shared);
        (await (await api.GetAsync("/v2/_catalog")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(name => name.GetString()).ShouldBe(["a/two"]);
    }

    [Fact]
    public async Task Retention_keeps_the_newest_and_what_a_pattern_names()
    {
        await using var registry = await RegistryProcess.WharfAsync("""{ "retention": [ { "repository": "r/**", "keep-last": 2, "keep-tags": "release-.*" } ] }""");
        using var api = new RegistryApi(registry.Url);
        foreach (var tag in (string[])["release-1", "t1", "t2", "t3", "t4"])
        {
            await api.PushImageAsync("r/app", tag, Encoding.UTF8.GetBytes(tag));
            await Task.Delay(5);
        }
        await api.PushImageAsync("untouched", "t1", "x"u8.ToArray());
        (await CollectAsync(api)).GetProperty("tags").GetInt32().ShouldBe(2);
        (await api.TagsAsync("r/app")).ShouldBe(["release-1", "t3", "t4"]);
        (await api.TagsAsync("untouched")).ShouldBe(["t1"]);
        (await api.HeadAsync($"/v2/r/app/blobs/{RegistryApi.DigestOf("t1"u8.ToArray())}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Immutable_tags_stay_what_they_are()
    {
        await using var registry = await RegistryProcess.WharfAsync("""{ "immutable-tags": [ { "repository": "prod/*", "tags": "v.*" } ] }""");
        using var api = new RegistryApi(registry.Url);
        var manifest = await api.PushImageAsync("prod/app", "v1", "one"u8.ToArray());
        await (await api.PutManifestAsync("prod/app", "v1", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        await api.PushBlobAsync("prod/app", "two"u8.ToArray());
        await (await api.PutManifestAsync("prod/app", "v1", RegistryApi.Manifest("two"u8.ToArray()))).ShouldRefuseAsync(403, "DENIED");
        await (await api.PutManifestAsync("prod/app", "edge", RegistryApi.Manifest("two"u8.ToArray()))).ShouldBeAsync(HttpStatusCode.Created);
        await (await api.PutManifestAsync("prod/app", "edge", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        await (await api.DeleteAsync("/v2/prod/app/manifests/v1")).ShouldRefuseAsync(403, "DENIED");
        await (await api.DeleteAsync($"/v2/prod/app/manifests/{RegistryApi.DigestOf(manifest)}")).ShouldRefuseAsync(403, "DENIED");
    }

    [Fact]
    public async Task Deletion_can_be_turned_off_and_so_can_writing()
    {
        await using var registry = await RegistryProcess.WharfAsync("""{ "delete": false }""");
        using (var api = new RegistryApi(registry.Url))
        {
            var manifest = await api.PushImageAsync("d/app", "v1", "one"u8.ToArray());
            foreach (var path in (string[])["manifests/v1", $"manifests/{RegistryApi.DigestOf(manifest)}", $"blobs/{RegistryApi.DigestOf("one"u8.ToArray())}"])
                await (await api.DeleteAsync($"/v2/d/app/{path}")).ShouldRefuseAsync(405, "UNSUPPORTED");
        }
        await registry.StopAsync();
        await registry.StartAsync("""{ "read-only": true }""");
        using var reader = new RegistryApi(registry.Url);
        (await reader.GetAsync("/v2/d/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await (await reader.SendAsync("POST", "/v2/d/app/blobs/uploads/")).ShouldRefuseAsync(405, "UNSUPPORTED");
        await (await reader.DeleteAsync("/v2/d/app/manifests/v1")).ShouldRefuseAsync(405, "UNSUPPORTED");
    }

    [Fact]
    public async Task Quotas_end_pushes_and_deletion_makes_room()
    {
        await using var registry = await RegistryProcess.WharfAsync("""{ "quotas": [ { "repository": "q/**", "bytes": 10000 } ] }""");
        using var api = new RegistryApi(registry.Url);
        var first = await api.PushImageAsync("q/a", "v1", RegistryAnswers.Bytes(1, 6000));
        await (await api.SendAsync("POST", $"/v2/q/b/blobs/uploads/?digest={RegistryApi.DigestOf(RegistryAnswers.Bytes(2, 6000))}", RegistryAnswers.Bytes(2, 6000))).ShouldRefuseAsync(403, "DENIED");
        await api.PushBlobAsync("elsewhere", RegistryAnswers.Bytes(2, 6000));
        await (await api.DeleteAsync($"/v2/q/a/manifests/{RegistryApi.DigestOf(first)}")).ShouldBeAsync(HttpStatusCode.Accepted);
        await CollectAsync(api);
        await api.PushBlobAsync("q/b", RegistryAnswers.Bytes(2, 6000));
    }

    [Fact]
    public async Task Scrub_finds_a_damaged_blob_and_a_push_mends_it()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        var layer = RegistryAnswers.Bytes(1, 5000);
        await api.PushImageAsync("s/app", "v1", layer);
        var path = Directory.EnumerateFiles(Path.Combine(registry.Root, "store", "blobs"), RegistryApi.DigestOf(layer)[7..], SearchOption.AllDirectories).Single();
        await File.WriteAllBytesAsync(path, RegistryAnswers.Bytes(2, 5000));
        (await (await api.SendAsync("POST", "/api/scrub")).JsonAsync()).GetProperty("damaged").GetInt32().ShouldBe(1);
        (await api.GetAsync($"/v2/s/app/blobs/{RegistryApi.DigestOf(layer)}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await api.PushBlobAsync("s/app", layer);
        (await (await api.GetAsync($"/v2/s/app/blobs/{RegistryApi.DigestOf(layer)}")).Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        (await (await api.SendAsync("POST", "/api/scrub")).JsonAsync()).GetProperty("damaged").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Webhooks_arrive_signed_and_are_tried_again_and_everything_is_in_the_audit_log()
    {
        using var listener = new HttpListener();
        int port = new Random().Next(30000, 40000);
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        var received = new List<(string Body, string? Signature)>();
        var done = new TaskCompletionSource();
        _ = Task.Run(async () =>
        {
            for (int i = 0; ; i++)
            {
                var context = await listener.GetContextAsync();
                var body = await new StreamReader(context.Request.InputStream).ReadToEndAsync();
                // The first is refused: it must come again.
                context.Response.StatusCode = i == 0 ? 500 : 200;
                context.Response.Close();
                if (i == 0) continue;
                received.Add((body, context.Request.Headers["X-Wharf-Signature"]));
                if (received.Count == 2) done.SetResult();
            }
        });
        await using var registry = await RegistryProcess.WharfAsync($$"""{ "audit-log": "ROOT/audit.log", "webhooks": [ { "url": "http://127.0.0.1:{{port}}/hook", "events": ["push", "delete"], "secret": "s3cret" } ] }""");
        using var api = new RegistryApi(registry.Url);
        var manifest = await api.PushImageAsync("h/app", "v1", "x"u8.ToArray());
        await api.SendAsync("GET", "/v2/h/app/manifests/v1");
        await (await api.DeleteAsync("/v2/h/app/manifests/v1")).ShouldBeAsync(HttpStatusCode.Accepted);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20));
        var push = JsonDocument.Parse(received[0].Body).RootElement;
        push.GetProperty("action").GetString().ShouldBe("push");
        push.GetProperty("digest").GetString().ShouldBe(RegistryApi.DigestOf(manifest));
        received[0].Signature.ShouldBe("sha256=" + Convert.ToHexStringLower(System.Security.Cryptography.HMACSHA256.HashData("s3cret"u8, Encoding.UTF8.GetBytes(received[0].Body))));
        JsonDocument.Parse(received[1].Body).RootElement.GetProperty("action").GetString().ShouldBe("delete");
        var log = await File.ReadAllLinesAsync(Path.Combine(registry.Root, "audit.log"));
        log.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("action").GetString()).ShouldBe(["push", "pull", "delete"]);
    }

    [Fact]
    public async Task Health_and_metrics_are_served()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        await api.PushImageAsync("m/app", "v1", "x"u8.ToArray());
        foreach (var path in (string[])["/healthz", "/readyz", "/livez"]) (await api.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.OK);
        var text = await (await api.GetAsync("/metrics")).Content.ReadAsStringAsync();
        text.ShouldContain("wharf_registry_manifests_pushed_total 1\n");
        text.ShouldContain("wharf_registry_requests_total{method=\"PUT\",route=\"Manifest\",code=\"201\"} 1\n");
        text.ShouldContain("wharf_registry_request_seconds_bucket{route=\"Manifest\",le=\"+Inf\"} 1\n");
        (await registry.StopAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task What_was_pushed_is_there_after_a_stop_and_after_a_lost_index()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        var subject = await api.PushImageAsync("k/app", "v1", "x"u8.ToArray());
        await api.PushImageAsync("k/app", null, "sbom"u8.ToArray(), RegistryApi.DigestOf(subject), subject.Length, "application/sbom");
        var upload = await api.BeginAsync("k/app");
        await (await api.SendAsync("PATCH", upload, "first "u8.ToArray(), contentRange: "0-5")).ShouldBeAsync(HttpStatusCode.Accepted);
        foreach (bool loseIndex in (bool[])[false, true])
        {
            await registry.StopAsync();
            if (loseIndex) foreach (var file in Directory.GetFiles(Path.Combine(registry.Root, "store"), "index.*")) File.Delete(file);
            await registry.StartAsync();
            (await (await api.GetAsync("/v2/k/app/manifests/v1")).Content.ReadAsByteArrayAsync()).ShouldBe(subject);
            (await api.TagsAsync("k/app")).ShouldBe(["v1"]);
            (await (await api.GetAsync($"/v2/k/app/referrers/{RegistryApi.DigestOf(subject)}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(1);
        }
        (await api.GetAsync(upload)).Header("Range").ShouldBe("0-5");
        await (await api.SendAsync("PATCH", upload, "second"u8.ToArray(), contentRange: "6-11")).ShouldBeAsync(HttpStatusCode.Accepted);
        await (await api.SendAsync("PUT", RegistryApi.With(upload, "digest=" + RegistryApi.DigestOf("first second"u8.ToArray())))).ShouldBeAsync(HttpStatusCode.Created);
    }
}
