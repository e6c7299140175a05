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
        var wrong = await OpenAsync(RegistryApi.DigestOf("other"u8.ToArray()));
        await Should.ThrowAsync<Exception>(async () => await wrong.CopyToAsync(Stream.Null));
        (await api.HeadAsync($"/v2/slow/app/blobs/{RegistryApi.DigestOf("other"u8.ToArray())}")).StatusCode.ShouldBe(HttpStatusCode.OK, "the upstream says that it has it");

        async Task<Stream> OpenAsync(string digest)
        {
            var response = await api.Http.GetAsync($"/v2/slow/app/blobs/{digest}", HttpCompletionOption.ResponseHeadersRead);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            return await response.Content.ReadAsStreamAsync();
        }
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
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while ((await api.GetAsync("/v2/up/lib/app/tags/list")).StatusCode != HttpStatusCode.OK && DateTime.UtcNow < deadline) await Task.Delay(100);
        await Task.Delay(500);
        await upstream.KillAsync();
        (await api.TagsAsync("up/lib/app")).ShouldBe(["v1"]);
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
        (await WharfAsync("rm", $"{from.Authority}/c/app:v1")).ShouldExit(0);
        (await WharfAsync("rm", $"{from.Authority}/c/app:v1")).ShouldExit(1);
        (await WharfAsync("rm", $"{from.Authority}/c/app")).ShouldExit(1);
        (await WharfAsync("rm", "--repository", $"{from.Authority}/d/app")).ShouldExit(0);
        (await WharfAsync("ls", from.Authority)).ShouldExit(0).Text.ShouldBe("c/app");
        (await WharfAsync("prune", from.Authority, "--grace", "0s")).ShouldExit(0).Out.ShouldContain("Total reclaimed space:");
        (await WharfAsync("bogus")).ShouldExit(1);
    }
}
