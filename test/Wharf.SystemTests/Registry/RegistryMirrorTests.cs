using System.Net;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>The pull-through cache, the scheduled mirror and the commands that work on registries.</summary>
public sealed class RegistryMirrorTests
{
    private static Task<CommandResult> WharfAsync(params string[] args) => CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", .. args]);

    [Fact]
    public async Task A_pull_fetches_from_the_upstream_once_and_is_served_when_the_upstream_is_down()
    {
        await using var upstream = await RegistryProcess.DebianAsync();
        await using var other = await RegistryProcess.WharfAsync();
        using var source = new RegistryApi(upstream.Url);
        using var second = new RegistryApi(other.Url);
        var layer = RegistryAnswers.Bytes(1, 3_000_000);
        var manifest = await source.PushImageAsync("library/app", "v1", layer);
        await second.PushImageAsync("team/tool", "v2", "tool"u8.ToArray());
        await using var mirror = await RegistryProcess.WharfAsync($$"""
            { "mirrors": [ { "prefix": "hub", "upstream": "http://{{upstream.Authority}}", "ttl": "0s" }, { "prefix": "other", "upstream": "http://{{other.Authority}}" } ] }
            """);
        using var api = new RegistryApi(mirror.Url);
        (await (await api.GetAsync("/v2/hub/library/app/manifests/v1")).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => api.GetAsync($"/v2/hub/library/app/blobs/{RegistryApi.DigestOf(layer)}")));
        foreach (var answer in answers) (await answer.Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        upstream.Log.Split('\n').Count(line => line.Contains("GET", StringComparison.Ordinal) && line.Contains($"blobs/{RegistryApi.DigestOf(layer)}", StringComparison.Ordinal) && line.Contains("response completed", StringComparison.Ordinal)).ShouldBe(1, "eight pulls are one fetch");
        (await api.GetAsync("/v2/other/team/tool/manifests/v2")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await (await api.GetAsync("/v2/hub/library/app/manifests/never")).ShouldRefuseAsync(404, "MANIFEST_UNKNOWN");
        await (await api.SendAsync("POST", "/v2/hub/library/app/blobs/uploads/")).ShouldRefuseAsync(403, "DENIED");

        var newer = await source.PushImageAsync("library/app", "v1", "newer"u8.ToArray());
        (await (await api.GetAsync("/v2/hub/library/app/manifests/v1")).Content.ReadAsByteArrayAsync()).ShouldBe(newer);
        await upstream.KillAsync();
        (await (await api.GetAsync("/v2/hub/library/app/manifests/v1")).Content.ReadAsByteArrayAsync()).ShouldBe(newer);
        (await (await api.GetAsync($"/v2/hub/library/app/blobs/{RegistryApi.DigestOf(layer)}")).Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        ((int)(await api.GetAsync("/v2/hub/library/app/manifests/v9")).StatusCode).ShouldBe(502);
    }

    [Fact]
    public async Task A_blob_is_sent_on_while_it_comes_to_all_who_ask_and_whole_only_when_it_is_right()
    {
        var blob = RegistryAnswers.Bytes(3, 4_000_000);
        await using var upstream = new SlowUpstream(blob);
        await using var mirror = await RegistryProcess.WharfAsync($$"""{ "mirrors": [ { "prefix": "slow", "upstream": "http://{{upstream.Authority}}" } ] }""");
        using var api = new RegistryApi(mirror.Url);
        var head = await api.HeadAsync($"/v2/slow/app/blobs/{RegistryApi.DigestOf(blob)}");
        head.StatusCode.ShouldBe(HttpStatusCode.OK);
        head.Content.Headers.ContentLength.ShouldBe(blob.Length);
        upstream.Gets.ShouldBe(0, "to tell a size no byte is fetched");
        var clients = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => OpenAsync(RegistryApi.DigestOf(blob))));
        var first = new byte[blob.Length / 4];
        foreach (var client in clients) await client.ReadExactlyAsync(first).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        first.ShouldBe(blob[..first.Length]);
        upstream.SendRest();
        foreach (var client in clients)
        {
            var rest = new MemoryStream();
            await client.CopyToAsync(rest);
            rest.ToArray().ShouldBe(blob[first.Length..]);
        }
        upstream.Gets.ShouldBe(1, "three pulls are one fetch");
        (await (await api.GetAsync($"/v2/slow/app/blobs/{RegistryApi.DigestOf(blob)}")).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        upstream.Gets.ShouldBe(1, "it is kept");

        // What the upstream sends under another digest is not its bytes: nobody gets a whole answer.
        // That is a refusal when the fetch ended before the first byte was passed on, and a broken answer when not.
        var wrong = await api.Http.GetAsync($"/v2/slow/app/blobs/{RegistryApi.DigestOf("other"u8.ToArray())}", HttpCompletionOption.ResponseHeadersRead);
        if (wrong.StatusCode == HttpStatusCode.OK) await Should.ThrowAsync<Exception>(async () => await wrong.Content.CopyToAsync(Stream.Null));
        else await wrong.ShouldBeAsync(HttpStatusCode.BadGateway);
        (await api.HeadAsync($"/v2/slow/app/blobs/{RegistryApi.DigestOf("other"u8.ToArray())}")).StatusCode.ShouldBe(HttpStatusCode.OK, "the upstream says that it has it");

        async Task<Stream> OpenAsync(string digest)
        {
            var response = await api.Http.GetAsync($"/v2/slow/app/blobs/{digest}", HttpCompletionOption.ResponseHeadersRead);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            return await response.Content.ReadAsStreamAsync();
        }
    }

    [Fact]
    public async Task A_part_of_a_blob_is_sent_as_soon_as_it_has_come()
    {
        var blob = RegistryAnswers.Bytes(4, 2_000_000);
        await using var upstream = new SlowUpstream(blob);
        await using var mirror = await RegistryProcess.WharfAsync($$"""{ "mirrors": [ { "prefix": "slow", "upstream": "http://{{upstream.Authority}}" } ] }""");
        using var api = new RegistryApi(mirror.Url);
        var path = $"/v2/slow/app/blobs/{RegistryApi.DigestOf(blob)}";
        var first = await api.SendAsync("GET", path, range: "bytes=1000-2999");
        first.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        first.Header("Content-Range").ShouldBe("bytes 1000-2999/2000000");
        (await first.Content.ReadAsByteArrayAsync()).ShouldBe(blob[1000..3000]);
        (await api.SendAsync("GET", path, range: "bytes=2000000-")).StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        var last = api.SendAsync("GET", path, range: "bytes=-5");
        upstream.SendRest();
        (await (await last).Content.ReadAsByteArrayAsync()).ShouldBe(blob[^5..]);
        upstream.Gets.ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tags_and_referrers_are_the_upstreams(bool hasReferrers)
    {
        await using var upstream = hasReferrers ? await RegistryProcess.WharfAsync() : await RegistryProcess.DebianAsync();
        using var source = new RegistryApi(upstream.Url);
        var subject = await source.PushImageAsync("lib/app", "v1", "one"u8.ToArray());
        var (digest, signature) = (RegistryApi.DigestOf(subject), await source.PushImageAsync("lib/app", null, "signature"u8.ToArray(), RegistryApi.DigestOf(subject), subject.Length, "application/signature"));
        // Where there is no referrers API, clients keep this index.
        if (!hasReferrers) await (await source.PutManifestAsync("lib/app", digest.Replace(':', '-'), RegistryApi.Index(signature), RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        await using var mirror = await RegistryProcess.WharfAsync($$"""{ "mirrors": [ { "prefix": "registry.example.com", "upstream": "http://{{upstream.Authority}}", "ttl": "0s" } ] }""");
        using var api = new RegistryApi(mirror.Url);
        (await api.TagsAsync("registry.example.com/lib/app")).ShouldContain("v1");
        var named = await api.GetAsync("/v2/lib/app/tags/list?ns=registry.example.com&n=1");
        named.Header("OCI-Namespace").ShouldBe("registry.example.com");
        (await named.JsonAsync()).GetProperty("tags").GetArrayLength().ShouldBe(1);
        (await (await api.SendAsync("GET", "/v2/lib/app/manifests/v1?ns=registry.example.com", headers: [("Accept", RegistryApi.OciManifest)])).Content.ReadAsByteArrayAsync()).ShouldBe(subject);
        var referrers = (await (await api.GetAsync($"/v2/registry.example.com/lib/app/referrers/{digest}")).JsonAsync()).GetProperty("manifests");
        referrers.EnumerateArray().Select(entry => entry.GetProperty("digest").GetString()).ShouldBe([RegistryApi.DigestOf(signature)]);
        (await (await api.GetAsync($"/v2/registry.example.com/lib/app/manifests/{RegistryApi.DigestOf(signature)}")).Content.ReadAsByteArrayAsync()).ShouldBe(signature);
        await (await api.GetAsync("/v2/registry.example.com/lib/never/tags/list")).ShouldRefuseAsync(404, "NAME_UNKNOWN");
        await upstream.KillAsync();
        (await api.TagsAsync("registry.example.com/lib/app")).ShouldContain("v1");
        (await (await api.GetAsync($"/v2/registry.example.com/lib/app/referrers/{digest}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task Scheduled_repositories_are_there_without_a_pull()
    {
        await using var upstream = await RegistryProcess.WharfAsync();
        using var source = new RegistryApi(upstream.Url);
        await source.PushImageAsync("lib/app", "v1", "one"u8.ToArray());
        await source.PushImageAsync("lib/app", "dev", "two"u8.ToArray());
        await using var mirror = await RegistryProcess.WharfAsync($$"""
            { "mirrors": [ { "prefix": "up", "upstream": "http://{{upstream.Authority}}", "repositories": [ { "name": "lib/app", "tags": "v.*" } ] } ] }
            """);
        using var api = new RegistryApi(mirror.Url);
        var (blobs, layer) = (Path.Combine(mirror.Root, "store", "blobs"), RegistryApi.DigestOf("one"u8.ToArray())[7..]);
        for (var until = DateTime.UtcNow.AddSeconds(30); !Directory.Exists(blobs) || !Directory.EnumerateFiles(blobs, layer, SearchOption.AllDirectories).Any(); await Task.Delay(100)) DateTime.UtcNow.ShouldBeLessThan(until);
        for (var until = DateTime.UtcNow.AddSeconds(30); (await api.HeadAsync($"/v2/up/lib/app/blobs/sha256:{layer}")).StatusCode != HttpStatusCode.OK; await Task.Delay(100)) DateTime.UtcNow.ShouldBeLessThan(until);
        await upstream.KillAsync();
        (await (await api.GetAsync("/api/repositories/up%2Flib%2Fapp")).JsonAsync()).GetProperty("tags").EnumerateArray().Select(tag => tag.GetProperty("name").GetString()).ShouldBe(["v1"]);
        (await (await api.GetAsync($"/v2/up/lib/app/blobs/{RegistryApi.DigestOf("one"u8.ToArray())}")).Content.ReadAsByteArrayAsync()).ShouldBe("one"u8.ToArray());
    }

    [Fact]
    public async Task Commands_list_inspect_copy_and_remove()
    {
        await using var from = await RegistryProcess.WharfAsync();
        await using var to = await RegistryProcess.DebianAsync();
        using var api = new RegistryApi(from.Url);
        using var target = new RegistryApi(to.Url);
        var manifest = await api.PushImageAsync("c/app", "v1", "one"u8.ToArray());
        await api.PushImageAsync("c/app", null, "sbom"u8.ToArray(), RegistryApi.DigestOf(manifest), manifest.Length, "application/sbom");
        (await WharfAsync("ls", from.Authority)).ShouldExit(0).Text.ShouldBe("c/app");
        (await WharfAsync("tags", $"{from.Authority}/c/app")).ShouldExit(0).Text.ShouldBe("v1");
        (await WharfAsync("inspect", "--raw", $"{from.Authority}/c/app:v1")).ShouldExit(0).Out.ShouldBe(System.Text.Encoding.UTF8.GetString(manifest));
        (await WharfAsync("inspect", $"{from.Authority}/c/app:v1")).ShouldExit(0).Out.ShouldContain($"\"Digest\": \"{RegistryApi.DigestOf(manifest)}\"");
        (await WharfAsync("copy", $"{from.Authority}/c/app:v1", $"{to.Authority}/copied/app:v2")).ShouldExit(0);
        (await (await target.SendAsync("GET", "/v2/copied/app/manifests/v2", headers: [("Accept", RegistryApi.OciManifest)])).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        (await WharfAsync("copy", "--referrers", $"{from.Authority}/c/app:v1", $"{from.Authority}/d/app")).ShouldExit(0);
        (await (await api.GetAsync($"/v2/d/app/referrers/{RegistryApi.DigestOf(manifest)}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(1);
        // By way of a directory, too.
        var layout = $"oci:{from.Root}/layout:x";
        (await WharfAsync("copy", "--referrers", $"{from.Authority}/c/app:v1", layout)).ShouldExit(0);
        (await WharfAsync("copy", "--referrers", layout, $"{from.Authority}/d/other:v3")).ShouldExit(0);
        (await (await api.GetAsync($"/v2/d/other/referrers/{RegistryApi.DigestOf(manifest)}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(1);
        (await WharfAsync("rm", "--repository", $"{from.Authority}/d/other")).ShouldExit(0);
        (await WharfAsync("rm", $"{from.Authority}/c/app:v1")).ShouldExit(0);
        (await WharfAsync("rm", $"{from.Authority}/c/app:v1")).ShouldExit(1);
        (await WharfAsync("rm", $"{from.Authority}/c/app")).ShouldExit(1);
        (await WharfAsync("rm", "--repository", $"{from.Authority}/d/app")).ShouldExit(0);
        (await WharfAsync("ls", from.Authority)).ShouldExit(0).Text.ShouldBe("c/app");
        (await WharfAsync("prune", from.Authority, "--grace", "0s")).ShouldExit(0).Out.ShouldContain("Total reclaimed space:");
        (await WharfAsync("bogus")).ShouldExit(1);
    }
}
